import pytest

from services.mail_relay.submission import Submission
from shared.errors import MailroomError
from shared.settings import SettingsInvalid, load_settings

DKIM = {
    "MAILROOM_RELAY__DKIM__DOMAIN": "example.com",
    "MAILROOM_RELAY__DKIM__SELECTOR": "mailroom",
    "MAILROOM_RELAY__DKIM__KEY_FILE": "nowhere.pem",
}


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"MAILROOM_SMTP_URL": "smtp://ann:secret@mx.example.org"}, r"write smtp\+starttls://"),
        ({"MAILROOM_RELAY__CA_FILE": "nowhere.pem"}, r"relay\.ca_file nowhere\.pem cannot be used"),
        (DKIM, r"relay\.dkim\.key_file nowhere\.pem cannot be read"),
    ],
)
def test_settings_that_cannot_be_used_are_told_before_the_first_mail(
    variables: dict[str, str], reason: str
) -> None:
    with pytest.raises(MailroomError, match=reason) as problem:
        Submission.several(load_settings(None, variables))
    assert "secret" not in str(problem.value)


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"MAILROOM_RELAY__DKIM__DOMAIN": "example.com"}, "set selector and key_file too"),
        ({**DKIM, "MAILROOM_RELAY__DKIM__DOMAIN": "example com"}, r"relay\.dkim\.domain = 'example com'"),
        ({"MAILROOM_RELAY__TIMEOUTS__MAIL": "0s"}, r"relay\.timeouts\.mail = '0s'"),
        ({"MAILROOM_RELAY__TIMEOUTS__BLOCK": "2d"}, r"relay\.timeouts\.block = '2d'"),
    ],
)
def test_settings_that_make_no_sense_are_told_by_name(variables: dict[str, str], reason: str) -> None:
    with pytest.raises(SettingsInvalid, match=reason):
        load_settings(None, variables)


def test_there_are_as_many_submissions_as_connections() -> None:
    assert len(Submission.several(load_settings(None, {"MAILROOM_RELAY__CONNECTIONS": "3"}))) == 3
