import ssl
import subprocess
from pathlib import Path

import pytest

from services.mail_relay.reply import Verdict
from services.mail_relay.server import SmtpServer
from services.mail_relay.submission import Submission
from shared.settings.model import RelaySettings
from shared.worker import Retry
from tests.integration.mail_relay.conftest import MakeRelay
from tests.integration.mail_relay.scripted_server import ScriptedServer
from tests.unit.mail_relay.mails import MESSAGE, mail

pytestmark = pytest.mark.integration


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for localhost, with its key."""
    path = tmp_path / "certificate.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(path)]
    subprocess.run(
        ["openssl", "req", "-x509", *key, *names, "-out", str(tmp_path / "public.pem")],
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + (tmp_path / "public.pem").read_bytes())
    return path


def speaking_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def over_tls(server: ScriptedServer, host: str) -> SmtpServer:
    return SmtpServer(host, int(server.url.rpartition(":")[2]), "tls")


def test_a_trusted_server_gets_the_mail_over_tls(certificate: Path) -> None:
    with ScriptedServer(tls=speaking_tls(certificate)) as server:
        trusting = ssl.create_default_context(cafile=str(certificate))
        submission = Submission(over_tls(server, "localhost"), "mx1.example", RelaySettings(), trusting)
        (result,) = submission.submit(mail(), ["ann@example.org"], MESSAGE)
        submission.close()
    assert result.verdict is Verdict.DELIVERED
    assert server.messages == [MESSAGE]


@pytest.mark.parametrize(("host", "trusted"), [("localhost", False), ("127.0.0.1", True)])
def test_a_server_without_a_certificate_we_trust_for_its_name_gets_nothing(
    certificate: Path, host: str, *, trusted: bool
) -> None:
    with ScriptedServer(tls=speaking_tls(certificate)) as server:
        context = ssl.create_default_context(cafile=str(certificate)) if trusted else None
        submission = Submission(over_tls(server, host), "mx1.example", RelaySettings(), context)
        (result,) = submission.submit(mail(), ["ann@example.org"], MESSAGE)
    assert result.verdict is Verdict.DEFERRED
    assert "CERTIFICATE_VERIFY_FAILED" in result.reply
    assert server.commands == []


def test_starttls_is_not_done_without_when_the_server_does_not_offer_it(make_relay: MakeRelay) -> None:
    with ScriptedServer() as server, pytest.raises(Retry, match="STARTTLS"):
        make_relay(server.url.replace("smtp://", "smtp+starttls://")).deliver(mail())
    assert server.count("MAIL") == 0
