from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.console.mailismus import Imported, MailismusUnreadable, Verdict, import_mailismus
from shared.settings import load_settings
from shared.settings.ndr import NdrSettings

SEED_BLOCK = Path(__file__).with_name("seed_block.xml").read_bytes()


@pytest.fixture
def load(tmp_path: Path) -> "Loader":
    return Loader(tmp_path / "mailroom.toml")


class Loader:
    """Loads what was imported as a service would."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, imported: Imported) -> NdrSettings:
        self.path.write_text(imported.toml, encoding="utf-8")
        return load_settings(self.path, {}).ndr


def report(content: str, **environment: str) -> Imported:
    return import_mailismus(f"<report>{content}</report>".encode(), environment)


def whole(content: str) -> Imported:
    return import_mailismus(f"<mailserver>{content}</mailserver>".encode())


def subjects(imported: Imported, verdict: Verdict) -> set[str]:
    return {note.subject for note in imported.notes if note.verdict is verdict}


def left_out(imported: Imported) -> set[str]:
    return subjects(imported, Verdict.LEFT_OUT)


def differing(imported: Imported) -> set[str]:
    return subjects(imported, Verdict.DIFFERS)


def test_the_seeds_sample_imports_to_exactly_what_it_says(load: Loader) -> None:
    imported = import_mailismus(SEED_BLOCK)

    assert load(imported) == NdrSettings(
        audit="%DIRLOG%/audit/Y%Y%/bounced-%DT%.log",
        audit_rot="monthly",
        interval_low=timedelta(seconds=5),
        interval_high=timedelta(minutes=1),
        interval_error=timedelta(minutes=3),
        delay_start=timedelta(seconds=20),
        queuecache=100,
        generate_ndr=True,
        ndr_recip_redirect="me_instead@mydomain.com",
        ndr_recips_additional=("me_too@somedomain.com", "and_me@anotherdomain.com"),
        ndr_copies_folder="%DIRVAR%/bounces",
        announcemta="%SYSNAME%",
        ndr_from="postmaster@thisdomain",
        ndr_subject="Delivery Failure Report",
        ndr_textpart=None,
        attachmsg=4096,
    )
    assert left_out(imported) == set()
    assert differing(imported) == {"report/announcemta", "report/attachmsg"}


def test_an_empty_block_is_all_defaults(load: Loader) -> None:
    imported = report("")

    assert load(imported) == NdrSettings()
    assert differing(imported) == {"report/delay_start"}


def test_a_whole_file_brings_the_defaults_of_application_and_queue(load: Loader) -> None:
    settings = load(
        whole(
            "<application><announcehost>mx1.mail.example.com</announcehost><prodname>Post</prodname></application>"
            "<mta><queue><maxmemoryqueue>50</maxmemoryqueue><retry_maxtime>2d</retry_maxtime></queue>"
            "<report><ndr_subject>Not delivered</ndr_subject></report></mta>"
        )
    )

    assert settings.announcemta == "mx1.mail.example.com"
    assert settings.ndr_from == "postmaster@mail.example.com"
    assert (settings.ndr_textpart or "").startswith("This is the Post mailserver at %REPMTA%.")
    assert settings.batch_limit == 50
    assert settings.retry_maxtime == timedelta(days=2)
    assert settings.prune_after == timedelta(days=9)
    assert settings.ndr_subject == "Not delivered"


def test_queue_times_too_long_to_add_up_are_left_out_with_a_note(load: Loader) -> None:
    imported = whole("<mta><queue><retry_maxtime>999999998d</retry_maxtime></queue><report/></mta>")

    assert load(imported).prune_after == NdrSettings().prune_after
    assert [note.subject for note in imported.notes if note.verdict is Verdict.LEFT_OUT] == ["queue"]


def test_what_the_block_says_wins_over_the_application(load: Loader) -> None:
    settings = load(
        whole(
            "<application><announcehost>mx1.example.com</announcehost></application>"
            "<mta><report><announcemta>ndr.example.com</announcemta>"
            "<ndr_from>help@example.com</ndr_from></report></mta>"
        )
    )

    assert settings.announcemta == "ndr.example.com"
    assert settings.ndr_from == "help@example.com"


def test_the_reports_tasks_own_queue_wins_over_the_common_one(load: Loader) -> None:
    settings = load(
        whole(
            "<mta><queue><maxmemoryqueue>1</maxmemoryqueue></queue>"
            "<queue_MTA-Reports><maxmemoryqueue>2</maxmemoryqueue></queue_MTA-Reports><report/></mta>"
        )
    )

    assert settings.maxmemoryqueue == 2


def test_a_host_without_domain_is_its_postmasters_domain(load: Loader) -> None:
    settings = load(
        whole("<application><announcehost>mailhost</announcehost></application><mta><report/></mta>")
    )

    assert settings.ndr_from == "postmaster@mailhost"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("5s", timedelta(seconds=5)),
        ("2d3h10m59s12", timedelta(days=2, hours=3, minutes=10, seconds=59, milliseconds=12)),
        ("12", timedelta(milliseconds=12)),
        ("dhm23", timedelta(milliseconds=23)),
        ("m", timedelta(0)),
        ("5ms", timedelta(milliseconds=5)),
        ("-", timedelta(0)),
    ],
)
def test_a_time_span_means_what_it_meant(load: Loader, written: str, meant: timedelta) -> None:
    assert load(report(f"<delay_start>{written}</delay_start>")).delay_start == meant


@pytest.mark.parametrize("written", ["1x", "1h2d", "1h2h", "9ms8", "-5s", "5 s", "9" * 30 + "d", "9" * 5000])
def test_a_malformed_time_span_is_left_out_and_reported(load: Loader, written: str) -> None:
    imported = report(f"<delay_start>{written}</delay_start>")

    assert load(imported) == NdrSettings()
    assert "report/delay_start" in left_out(imported)


@pytest.mark.parametrize(("written", "meant"), [("1K", 1024), ("+4096", 4096), ("2M", 2 * 1024**2), ("0", 0)])
def test_a_size_means_what_it_meant(load: Loader, written: str, meant: int) -> None:
    assert load(report(f"<attachmsg>{written}</attachmsg>")).attachmsg == meant


@pytest.mark.parametrize("written", ["4k", "4KB", "1.5M", "-1", "-"])
def test_a_malformed_size_is_left_out_and_reported(load: Loader, written: str) -> None:
    imported = report(f"<attachmsg>{written}</attachmsg>")

    assert load(imported).attachmsg == 4096
    assert "report/attachmsg" in left_out(imported)


def test_a_size_that_did_not_fit_is_reported() -> None:
    assert "4G did not fit" in " ".join(note.reason for note in report("<attachmsg>4G</attachmsg>").notes)


@pytest.mark.parametrize("written", ["Y", "yes", "TRUE", "t", "on", "1"])
def test_a_boolean_that_says_yes_is_yes(load: Loader, written: str) -> None:
    assert load(report(f"<generate_ndr>{written}</generate_ndr>")).generate_ndr


def test_a_boolean_the_original_took_for_no_stays_no_and_is_reported(load: Loader) -> None:
    imported = report("<generate_ndr>ja</generate_ndr>")

    assert not load(imported).generate_ndr
    assert "report/generate_ndr" in differing(imported)


def test_the_sink_stays_the_sink(load: Loader) -> None:
    imported = report("<ndr_recip_redirect>.</ndr_recip_redirect>")

    assert load(imported).sink
    assert "report/ndr_recip_redirect" in differing(imported)


def test_a_mailbox_without_domain_is_left_out_and_reported(load: Loader) -> None:
    imported = report("<ndr_recips_additional>bob | a@example.com | </ndr_recips_additional>")

    assert load(imported).ndr_recips_additional == ("a@example.com",)
    assert "report/ndr_recips_additional" in left_out(imported)


def test_a_dash_is_nothing_where_nothing_is_allowed(load: Loader) -> None:
    settings = load(
        report(
            "<audit>-</audit><ndr_copies_folder>-</ndr_copies_folder><ndr_recip_redirect>-</ndr_recip_redirect>"
            "<ndr_recips_additional>-</ndr_recips_additional><ndr_textpart>-</ndr_textpart>"
        )
    )

    assert settings == NdrSettings(ndr_textpart="")


@pytest.mark.parametrize("name", ["announcemta", "ndr_from", "ndr_subject", "ndr_status"])
def test_a_dash_where_the_original_did_not_start_is_reported(load: Loader, name: str) -> None:
    imported = report(f"<{name}>-</{name}>")

    assert load(imported) == NdrSettings()
    assert f"report/{name}" in left_out(imported)


def test_variables_are_replaced_by_the_environment_and_their_defaults(load: Loader) -> None:
    imported = report(
        "<ndr_subject>${site.name} ${MISSING:${ALSO_MISSING:none}} ${$}x</ndr_subject>", SITE_NAME="Oslo"
    )

    assert load(imported).ndr_subject == "Oslo none ${x"


@pytest.mark.parametrize("written", ["${MISSING}", "${open", "${A:" * 30 + "}" * 30])
def test_a_variable_without_value_is_left_out_and_reported(load: Loader, written: str) -> None:
    imported = report(f"<ndr_subject>{written}</ndr_subject>")

    assert load(imported) == NdrSettings()
    assert "report/ndr_subject" in left_out(imported)


@pytest.mark.parametrize("folder", ["%DIRVAT%/x", "cp:bounces"])
def test_a_folder_that_is_none_is_left_out_and_reported(load: Loader, folder: str) -> None:
    imported = report(f"<ndr_copies_folder>{folder}</ndr_copies_folder>")

    assert load(imported).ndr_copies_folder is None
    assert "report/ndr_copies_folder" in left_out(imported)


def test_audit_attributes_are_carried_over_or_reported(load: Loader) -> None:
    imported = report(
        '<audit rot="DAILY" maxfile="1M" buffer="4K" flush="2s" class="x" delta="Y" tname="Y" pid="Y" '
        'tid="Y" level="INFO" enabled="N" colour="red">%DIRLOG%/a-%DT%.log</audit>'
    )
    settings = load(imported)

    assert (settings.audit, settings.audit_rot) == ("%DIRLOG%/a-%DT%.log", "daily")
    assert (settings.audit_maxfile, settings.audit_buffer) == (1024**2, 4096)
    assert settings.audit_flush == timedelta(seconds=2)
    assert left_out(imported) == {
        f"report/audit@{name}"
        for name in ("class", "delta", "tname", "pid", "tid", "level", "enabled", "colour")
    }


def test_an_audit_to_a_stream_stays_one(load: Loader) -> None:
    assert load(report("<audit>%stdout%</audit>")).audit == "%stdout%"


@pytest.mark.parametrize("audit", ["<audit>%DIRLOK%/x</audit>", '<audit level="off">x.log</audit>'])
def test_an_audit_that_could_not_be_written_is_left_out_and_reported(load: Loader, audit: str) -> None:
    imported = report(audit)

    assert load(imported).audit is None
    assert "report/audit" in left_out(imported)


@pytest.mark.parametrize(
    "name", ["altmimeprologue", "ndr_header", "ndr_dsnhdr", "filebufsiz", "ndr_subjekt", "banana"]
)
def test_what_has_no_counterpart_is_reported(load: Loader, name: str) -> None:
    imported = report(f"<{name}>x</{name}>")

    assert load(imported) == NdrSettings()
    assert f"report/{name}" in left_out(imported)


def test_a_misspelt_setting_is_reported_with_what_was_meant() -> None:
    (note,) = [note for note in report("<ndr_subjekt>x</ndr_subjekt>").notes if "subjekt" in note.subject]

    assert "ndr_subject" in note.reason


def test_the_first_of_two_counts_and_the_second_is_reported(load: Loader) -> None:
    imported = report("<queuecache>5</queuecache><!-- again --><queuecache>6</queuecache>")

    assert load(imported).queuecache == 5
    assert "report/queuecache" in left_out(imported)


def test_every_note_says_why_and_what_to_do() -> None:
    imported = report(
        '<audit level="OFF" delta="Y">x</audit><queuecache>0</queuecache><ndr_header>x</ndr_header>'
    )

    assert imported.notes
    assert all(note.reason and note.advice.endswith(".") for note in imported.notes)


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"not xml",
        b"<report>",
        b"<other/>",
        b"<mailserver><mta/></mailserver>",
        b'<?xml version="1.0" encoding="no-such-encoding"?><report/>',
    ],
)
def test_what_is_no_configuration_is_refused(xml: bytes) -> None:
    with pytest.raises(MailismusUnreadable):
        import_mailismus(xml)


@pytest.mark.parametrize(
    "document_type",
    [
        '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE r SYSTEM "http://example.com/r.dtd">',
    ],
)
def test_entities_and_external_documents_are_refused(document_type: str) -> None:
    xml = f"{document_type}<report><ndr_subject>x</ndr_subject></report>"

    with pytest.raises(MailismusUnreadable, match="DOCTYPE"):
        import_mailismus(xml.encode())


@given(st.binary(max_size=300))
def test_any_bytes_are_imported_or_refused_by_name(xml: bytes) -> None:
    # Any other error fails the test.
    with suppress(MailismusUnreadable):
        assert import_mailismus(xml).toml.startswith("[ndr]")


@given(
    st.sampled_from(sorted(set(NdrSettings.model_fields) | {"audit", "ndr_header", "retry_maxtime"})),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<&￾￿"), max_size=40),
)
def test_whatever_a_setting_holds_the_result_loads(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: str
) -> None:
    imported = report(f"<{name}>{value}</{name}>")

    Loader(tmp_path_factory.mktemp("import") / "mailroom.toml")(imported)
