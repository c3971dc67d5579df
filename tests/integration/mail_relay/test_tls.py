import ssl
from pathlib import Path

import pytest

from services.mail_relay.reply import Verdict
from services.mail_relay.submission import CaFileUnusable, verifying
from tests.integration.mail_relay.certificates import Certificates, issue
from tests.integration.mail_relay.scripted_server import ScriptedServer
from tests.integration.mail_relay.submitting import submit, submitting
from tests.unit.mail_relay.mails import MESSAGE

pytestmark = pytest.mark.integration

STARTTLS = ("STARTTLS", "PIPELINING")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Of an authority of our own, for localhost."""
    return issue(tmp_path_factory.mktemp("certificates"), "DNS:localhost")


@pytest.fixture
def tls(certificates: Certificates) -> ssl.SSLContext:
    """What a server needs to speak TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server)
    return context


def url(server: ScriptedServer, scheme: str, host: str = "localhost") -> str:
    return server.url.replace("smtp://127.0.0.1", f"{scheme}://{host}")


@pytest.mark.parametrize(("scheme", "extensions"), [("smtps", ("PIPELINING",)), ("smtp+starttls", STARTTLS)])
def test_a_trusted_server_gets_the_mail_over_tls(
    certificates: Certificates, tls: ssl.SSLContext, scheme: str, extensions: tuple[str, ...]
) -> None:
    with ScriptedServer(extensions, tls=tls) as server:
        with submitting(url(server, scheme), ca_file=certificates.authority) as submission:
            assert [submit(submission).verdict for _ in range(3)] == [Verdict.DELIVERED] * 3
        assert server.messages == [MESSAGE] * 3
        assert (server.connections, server.count("QUIT")) == (1, 1)


@pytest.mark.parametrize(("scheme", "extensions"), [("smtps", ("PIPELINING",)), ("smtp+starttls", STARTTLS)])
@pytest.mark.parametrize(("host", "trusted"), [("localhost", False), ("127.0.0.1", True)])
def test_a_server_without_a_certificate_we_trust_for_its_name_gets_nothing(
    certificates: Certificates,
    tls: ssl.SSLContext,
    scheme: str,
    extensions: tuple[str, ...],
    host: str,
    *,
    trusted: bool,
) -> None:
    with ScriptedServer(extensions, tls=tls) as server:
        ca_file = certificates.authority if trusted else None
        with submitting(url(server, scheme, host), ca_file=ca_file) as submission:
            result = submit(submission)
        assert server.count("MAIL") == 0
    assert result.verdict is Verdict.DEFERRED
    assert "CERTIFICATE_VERIFY_FAILED" in result.reply


@pytest.mark.parametrize(
    ("extensions", "reply", "reason"),
    [
        (("PIPELINING",), "220 ready", "it does not offer STARTTLS"),
        (STARTTLS, "454 4.7.0 not now", r"454 4.7.0 not now"),
        (STARTTLS, "220 ready\r\n250 AUTH PLAIN", "it went on in plain text after STARTTLS"),
    ],
)
def test_starttls_is_never_done_without(extensions: tuple[str, ...], reply: str, reason: str) -> None:
    with ScriptedServer(extensions, {"STARTTLS": reply}) as server:
        with submitting(url(server, "smtp+starttls").replace("://", "://ann:secret@")) as submission:
            result = submit(submission)
        assert (server.count("MAIL"), server.count("AUTH")) == (0, 0)
    assert result.verdict is Verdict.DEFERRED
    assert reason in result.reply


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_without_certificates_is_told_at_once(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CaFileUnusable, match=r"relay\.ca_file .*authority\.pem cannot be used .* PEM"):
        verifying(path)
