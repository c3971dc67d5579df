import pytest

from services.mail_relay.server import BadSmtpUrl, SmtpServer


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mx.example.org", SmtpServer("mx.example.org", 25)),
        ("smtp://mx.example.org:2525", SmtpServer("mx.example.org", 2525)),
        ("smtp://[::1]:2525", SmtpServer("::1", 2525)),
        ("smtps://mx.example.org", SmtpServer("mx.example.org", 465, "tls")),
        (
            "smtp+starttls://ann%40example.org:p%3Aw@mx.example.org",
            SmtpServer("mx.example.org", 587, "starttls", "ann@example.org", "p:w"),
        ),
    ],
)
def test_a_url_names_server_security_and_user(url: str, server: SmtpServer) -> None:
    assert SmtpServer.from_url(url) == server


@pytest.mark.parametrize("url", ["smtp://", "http://mx.example.org", "smtp://u:secret@mx.example.org:port"])
def test_a_url_without_server_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(BadSmtpUrl, match="write smtp://") as refusal:
        SmtpServer.from_url(url)
    assert "secret" not in str(refusal.value)


def test_a_password_is_never_shown() -> None:
    assert "secret" not in repr(SmtpServer("mx.example.org", 587, user="ann", password="secret"))  # noqa: S106 - shown on purpose


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
def test_a_password_may_be_said_in_plain_text_on_this_very_host(host: str) -> None:
    assert SmtpServer.from_url(f"smtp://ann:secret@{host}").user == "ann"


@pytest.mark.parametrize("host", ["mx.example.org", "192.0.2.1", "[2001:db8::1]", "localhost.example"])
def test_a_password_is_not_sent_in_plain_text_over_a_network(host: str) -> None:
    with pytest.raises(BadSmtpUrl, match=r"write smtp\+starttls://") as refusal:
        SmtpServer.from_url(f"smtp://ann:secret@{host}")
    assert "secret" not in str(refusal.value)
