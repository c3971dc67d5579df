"""The language of the human part, its folders, and the HTML alternative."""

from email.message import Message
from pathlib import Path

import pytest

from services.ndr_worker.bounce import Action
from services.ndr_worker.composition import languages, verify
from services.ndr_worker.composition.compose import ComposedNdr, Composer
from services.ndr_worker.composition.languages import WordingBroken, chosen, read_wording
from tests.unit.ndr_worker.builders import (
    IDENTITY,
    NOW,
    bounced,
    compose,
    failed,
    notified,
    parse,
    part,
    text,
)

SHIPPED = ["en", "fr", "de", "es"]
HOSTILE = '550 <script>alert(1)</script> & "no"\r\n\x1b[1m'


def html(ndr: ComposedNdr) -> str:
    (page,) = [each for each in parse(ndr).walk() if each.get_content_type() == "text/html"]
    content = page.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


def write(folder: Path, content: str, language: str = "en", name: str = "wording.toml") -> Path:
    (folder / language).mkdir(exist_ok=True)
    (folder / language / name).write_text(content, "utf-8")
    return folder


@pytest.mark.parametrize("language", SHIPPED)
@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("with_html", [False, True])
def test_every_shipped_language_speaks_of_every_action(
    language: str, action: Action, *, with_html: bool
) -> None:
    ndr = compose(failed(attempts=2), action=action, language=language, html=with_html, until=NOW)
    assert verify.defects(ndr.message, 1) is None
    assert ndr.message.isascii()
    assert part(ndr, 1)["Content-Language"] == language
    assert not any(each.defects for each in parse(ndr).walk())
    if not with_html:
        words = text(ndr)
        assert "bob@remote.test" in words
        assert "{" not in words


@pytest.mark.parametrize("language", SHIPPED)
def test_every_shipped_language_speaks_of_double_bounces(language: str) -> None:
    composer = Composer(IDENTITY.__class__("mx.test.example", "p@test.example", "x", language=language))
    ndr = composer.compose_double_bounce(notified(message=bounced(sender="")), "root@test.example", NOW)
    assert verify.defects(ndr.message, 1) is None


@pytest.mark.parametrize(
    ("language", "cause", "next_step"),
    [
        ("en", "There is no such address.", "check how the address is written"),
        ("fr", "Cette adresse n'existe pas.", "vérifier l'orthographe"),
        ("de", "Diese Adresse gibt es nicht.", "prüfen Sie die Schreibweise"),
        ("es", "La dirección no existe.", "Compruebe cómo está escrita"),
    ],
)
def test_44_cause_and_next_step_stand_in_the_language(language: str, cause: str, next_step: str) -> None:
    words = " ".join(text(compose(language=language)).split())
    assert f"{cause} (5.1.1)" in words
    assert next_step in words


@pytest.mark.parametrize("language", SHIPPED)
def test_44_lines_of_our_own_are_short(language: str) -> None:
    for status in ("5.1.1", "4.4.7", "5.2.2", "5.7.1", "5.0.0"):
        entry = failed(enhanced_status=status, diagnostic=None, smtp_status=None)
        assert max(map(len, text(compose(entry, language=language)).splitlines())) <= 78


@pytest.mark.parametrize(
    ("address", "language"),
    [
        ("anyone@else.test", "en"),
        ("anna@firma.de", "de"),
        ("anna@mail.firma.de", "de"),
        ("anna@amis.firma.de", "fr"),
        ("anna@sous.amis.firma.de", "de"),
        ("Juan@Amis.firma.DE", "es"),
        ("x@de", "en"),
        ("no-domain", "en"),
    ],
)
def test_the_most_specific_entry_chooses_the_language(address: str, language: str) -> None:
    entries = {".de": "de", "amis.firma.de": "fr", "juan@amis.firma.de": "es"}
    assert chosen(address, entries, "en") == language


def test_the_longest_ending_wins() -> None:
    assert chosen("a@b.co.uk", {".uk": "fr", ".co.uk": "de"}, "en") == "de"


def test_the_language_is_that_of_the_notifications_reader() -> None:
    entries = {"Sender.test": "de", "example.com": "fr"}
    assert "nicht zugestellt" in text(compose(languages=entries))
    assert "pas pu" in text(compose(languages=entries, redirect="abuse@example.com"))
    assert "pas pu" in text(compose(languages=entries, copy_to="audit@example.com"))


def test_the_settings_own_opening_goes_before_every_language_but_only_of_failures() -> None:
    words = text(compose(text_part="Sorry from %REPMTA%", language="de"))
    assert words.startswith("Sorry from mx1.mail.example.com\r\n")
    assert "Nicht zugestellt an:" in words
    assert "Sorry" not in text(compose(text_part="Sorry", action=Action.DELAYED))


def test_an_operator_changes_single_texts(tmp_path: Path) -> None:
    write(tmp_path, '[cause]\n"1.1" = "Nobody of that name lives here."\n"7.26" = "Unsigned mail."\n')
    words = text(compose(templates_path=tmp_path))
    assert "Nobody of that name lives here. (5.1.1)" in words
    assert "postmaster@mail.example.com" in words
    assert "Unsigned mail." in text(compose(failed(enhanced_status="5.7.26"), templates_path=tmp_path))


def test_an_operator_adds_a_language(tmp_path: Path) -> None:
    english = (languages._SHIPPED / "en" / "wording.toml").read_text("utf-8")
    write(tmp_path, english.replace("There is no such address.", "Tel adres bestaat niet."), "nl")
    ndr = compose(templates_path=tmp_path, languages={".test": "nl"})
    assert "Tel adres bestaat niet." in text(ndr)
    assert part(ndr, 1)["Content-Language"] == "nl"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("[cause", "cannot be read"),
        ('cause = "x"', "cause is no table"),
        ("[cause]\n4 = 5", "cause.4 is no text"),
        ('[causes]\n4 = "x"', "no table causes"),
        ('[closing]\nfailled = "x"', "no text closing.failled"),
        ('[opening]\nfailed = "{server}"', "placeholder {server}; it may have: {mta}, {product}"),
        ('[opening]\nfailed = "{mta.__class__}"', "placeholder {mta.__class__}"),
        ('[opening]\nfailed = "{mta!r}"', "placeholder {mta}"),
        ('[opening]\nfailed = "{mta"', "write a brace twice"),
        ('[opening]\nfailed = "a\\u0000b"', "control or invisible"),
        ('[opening]\nfailed = " "', "lacks the text opening.failed"),
    ],
)
def test_a_broken_folder_is_named_with_its_key(tmp_path: Path, content: str, named: str) -> None:
    with pytest.raises(WordingBroken) as raised:
        compose(templates_path=write(tmp_path, content))
    assert named in str(raised.value)
    assert str(tmp_path / "en") in str(raised.value)


def test_an_incomplete_language_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(WordingBroken, match=r"nl lacks the text .*subject\.delayed"):
        read_wording("nl", write(tmp_path, '[heading]\nfailed = "x"\n', "nl"))


@pytest.mark.parametrize("language", ["xx", "../en", "", "en/.."])
def test_a_language_that_does_not_exist_stops_the_start(language: str) -> None:
    with pytest.raises(WordingBroken):
        compose(languages={".fr": language})


def test_the_html_alternative_says_the_same_and_is_escaped() -> None:
    ndr = compose(failed(diagnostic=HOSTILE, attempts=3), html=True)
    first = part(ndr, 1)
    assert first.get_content_type() == "multipart/alternative"
    alternatives = first.get_payload()
    assert isinstance(alternatives, list)
    assert [each.get_content_type() for each in alternatives if isinstance(each, Message)] == [
        "text/plain",
        "text/html",
    ]
    page = html(ndr)
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp;" in page
    assert "\x1b" not in page
    for expected in (
        "bob@remote.test",
        "3 attempts",
        "Your message is attached.",
        "mx.remote.test",
        'lang="en"',
    ):
        assert expected in page
    assert verify.defects(ndr.message, 1) is None


def test_without_the_setting_there_is_no_html() -> None:
    assert b"text/html" not in compose().message


def test_an_operators_page_is_used(tmp_path: Path) -> None:
    write(tmp_path, "<p>{{ heading }} {{ recipients[0].address }}</p>", name="notification.html")
    assert html(compose(templates_path=tmp_path, html=True)) == "<p>Not delivered to: bob@remote.test</p>\r\n"


@pytest.mark.parametrize(
    "page", ["{% if %}", "{{ nothing }}", "{{ opening + 1 }}", "{{ opening | nothing }}"]
)
def test_a_broken_page_stops_the_start(tmp_path: Path, page: str) -> None:
    with pytest.raises(WordingBroken, match=r"notification\.html"):
        compose(templates_path=write(tmp_path, page, name="notification.html"), html=True)
