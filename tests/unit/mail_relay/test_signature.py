import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mail_relay.signature import DkimUnusable, Sign, signing
from shared.settings.relay import DkimSettings
from tests.unit.mail_relay.dkim_key import is_valid, make_key, openssl
from tests.unit.mail_relay.mails import MESSAGE

REPORT = (
    b"From: Reports <reports@example.com>\r\nTo: ann@example.org\r\nSubject: A report\r\n of two lines\r\n"
    b"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <m1@example.com>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nAuto-Submitted: auto-generated\r\n\r\n"
    b".All is \xc3\xbcbel \t\r\n\r\n.\r\n\r\n\r\n"
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> DkimSettings:
    return make_key(tmp_path_factory.mktemp("dkim") / "key.pem")


@pytest.fixture(scope="module")
def sign(settings: DkimSettings) -> Sign:
    return signing(settings)


def with_key(settings: DkimSettings, path: Path) -> DkimSettings:
    return settings.model_copy(update={"key_file": path})


def test_a_signed_message_is_the_message_behind_a_valid_signature(sign: Sign, settings: DkimSettings) -> None:
    signed = sign(REPORT)
    header, _, message = signed.partition(b"\r\nFrom: ")
    assert b"From: " + message == REPORT
    assert header.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;")
    assert max(map(len, header.split(b"\r\n"))) <= 78
    assert is_valid(signed, settings)


@pytest.mark.parametrize(
    ("before", "after", "valid"),
    [
        (b"Subject: A report\r\n of two", b"Subject:   A report of\r\n\ttwo", True),
        (b"Subject: A report", b"Subject: Another", False),
        (b"ann@example.org", b"eve@example.org", False),
        (b"auto-generated", b"no", False),
        (b".All is", b".Nothing is", False),
        # a further From, which mail programs might show
        (b"To: ann", b"From: eve@example.net\r\nTo: ann", False),
        (b"To: ann", b"X-Seen: yes\r\nTo: ann", True),
    ],
)
def test_what_counts_cannot_be_changed_unnoticed(
    sign: Sign, settings: DkimSettings, before: bytes, after: bytes, *, valid: bool
) -> None:
    assert is_valid(sign(REPORT).replace(before, after), settings) is valid


def test_every_field_that_counts_is_signed(sign: Sign) -> None:
    header = sign(REPORT).partition(b"\r\nFrom: ")[0].replace(b"\r\n", b"")
    signed = header.partition(b"h=")[2].partition(b";")[0].replace(b" ", b"").split(b":")
    assert sorted(signed) == sorted(
        [
            *(b"from", b"from", b"to", b"subject", b"date", b"message-id", b"mime-version"),
            *(b"content-type", b"auto-submitted"),
        ]
    )


@pytest.mark.parametrize(
    "message", [b"Subject: x\r\n\r\ny\r\n", b"", b"no header\r\n", b" folded\r\nFrom: a@b\r\n\r\n", b"\0\xff"]
)
def test_what_cannot_be_signed_is_sent_as_it_is(sign: Sign, message: bytes) -> None:
    assert sign(message) == message


_PIECES = [
    b"From: a@b\r\n",
    b"From",
    b":",
    b" ",
    b"\t",
    b"\r\n",
    b"DKIM-Signature: v=1",
    b"\xff",
    b"\0",
    b"x" * 99,
]


@given(st.lists(st.sampled_from(_PIECES)).map(b"".join))
def test_whatever_is_signed_stays_as_it_was(sign: Sign, message: bytes) -> None:
    assert sign(message).endswith(message)


def test_without_settings_nothing_is_signed() -> None:
    assert signing(DkimSettings())(MESSAGE) is MESSAGE


def test_a_key_file_that_cannot_be_read_is_told_at_once(settings: DkimSettings, tmp_path: Path) -> None:
    with pytest.raises(DkimUnusable, match=r"key_file .*nowhere cannot be read .* correct the path"):
        signing(with_key(settings, tmp_path / "nowhere"))


@pytest.mark.parametrize("kind", ["text", "public", "elliptic", "encrypted", "empty"])
def test_a_file_without_rsa_key_is_told_at_once(settings: DkimSettings, tmp_path: Path, kind: str) -> None:
    path, key_file = tmp_path / "key.pem", settings.key_file
    if kind == "public":
        openssl("rsa", "-in", str(key_file), "-pubout", "-out", str(path))
    elif kind == "elliptic":
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(path))
    elif kind == "encrypted":
        protected = ("-v2", "aes256", "-passout", "pass:x")
        openssl("pkcs8", "-topk8", "-in", str(key_file), *protected, "-out", str(path))
    else:
        path.write_text("no key" if kind == "text" else "")
    with pytest.raises(DkimUnusable, match=r"key_file .*key\.pem holds no RSA private key"):
        signing(with_key(settings, path))


def test_a_signature_without_the_extra_says_what_to_install(
    settings: DkimSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dkim", None)
    with pytest.raises(DkimUnusable, match=r"install mailroom\[dkim\]"):
        signing(settings)


@pytest.mark.parametrize("given", [{"domain": "example.com"}, {"selector": "a", "key_file": "key.pem"}])
def test_half_a_signature_is_no_setting(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="a signature needs all of its settings; set"):
        DkimSettings.model_validate(given)
