from typing import Any

import pytest

from services.mail_relay.extensions import Obstacle, obstacle, read_extensions, size_limit
from tests.unit.mail_relay.mails import mail

EVERYTHING = {"8bitmime": "", "smtputf8": "", "size": "1000", "dsn": "", "pipelining": ""}


def in_the_way(
    extensions: dict[str, str], recipient: str = "ann@example.org", **changes: Any
) -> Obstacle | None:
    return obstacle(mail(**changes), recipient, 70, "mx.example.org", extensions)


def test_keywords_are_read_in_any_case_with_their_parameters() -> None:
    assert read_extensions(["PIPELINING", "Size 10240000", "AUTH PLAIN LOGIN", "8BITMIME", ""]) == {
        "pipelining": "",
        "size": "10240000",
        "auth": "PLAIN LOGIN",
        "8bitmime": "",
        "": "",
    }


def test_auth_as_it_was_written_before_the_rfc_is_understood() -> None:
    assert read_extensions(["AUTH=LOGIN", "AUTH PLAIN"])["auth"] == "LOGIN PLAIN"


@pytest.mark.parametrize(
    ("announced", "limit"),
    [("1000", 1000), ("0", None), ("", None), ("a lot", None), ("-1", None), ("9" * 30, None), ("²", None)],
)
def test_a_server_announces_the_largest_message_or_none(announced: str, limit: int | None) -> None:
    assert size_limit({"size": announced}) == limit


def test_a_server_without_size_has_no_limit() -> None:
    assert size_limit({}) is None


def test_a_server_without_an_extension_serves_only_those_who_do_not_need_it() -> None:
    assert in_the_way({}) is None
    assert in_the_way(EVERYTHING, "jörg@example.org", body="8bitmime", smtputf8=True) is None


@pytest.mark.parametrize(
    ("lacking", "recipient", "changes", "status"),
    [
        ("8bitmime", "ann@example.org", {"body": "8bitmime"}, (554, "5.6.3")),
        ("smtputf8", "jörg@example.org", {"smtputf8": True}, (553, "5.6.7")),
        ("smtputf8", "ann@example.org", {"mail_from": "jörg@example.com"}, (550, "5.6.7")),
        ("smtputf8", "ann@example.org", {"smtputf8": True}, (554, "5.6.9")),
    ],
)
def test_what_needs_an_extension_says_the_status(
    lacking: str, recipient: str, changes: dict[str, Any], status: tuple[int, str]
) -> None:
    offered = {keyword: "" for keyword in EVERYTHING if keyword != lacking}
    found = in_the_way(offered, recipient, **changes)
    assert found == Obstacle(
        f"mx.example.org does not offer {lacking.upper()}, which this message needs", *status
    )


def test_a_message_larger_than_the_server_takes_is_refused_for_every_recipient() -> None:
    assert in_the_way({"size": "70"}) is None
    assert in_the_way({"size": "69"}) == Obstacle(
        "mx.example.org takes messages of 69 octets, and this one has 70", 552, "5.3.4"
    )
