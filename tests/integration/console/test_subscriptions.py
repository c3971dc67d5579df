import getpass

import pytest

from services.console.names import NameUnknown
from services.console.subscriptions.changes import ChangeRefused
from services.report_worker.preference_registry import PreferenceMalformed
from tests.integration.console.conftest import Mailroom

pytestmark = pytest.mark.integration
NO_SEND = "Exchange Servers No Send"


def stored(mailroom: Mailroom) -> tuple[str, str, bool, bool | None]:
    """Recipients, tags, enabled, muted."""
    (row,) = mailroom.rows("stored_subscription")
    return row


def test_subscriptions_are_listed_with_the_reports_that_use_them(mailroom: Mailroom) -> None:
    listed = {each["name"]: each for each in mailroom.json("subscriptions", "list")}

    assert listed["Mail Verification Report"]["reports"] == ["all-domain-pairs", "broken-domain-pairs"]
    assert "Exchange" in mailroom("subscriptions", "list").stdout
    assert mailroom.json("subscriptions", "show", NO_SEND) == {
        key: value for key, value in listed[NO_SEND].items() if key != "reports"
    }


def test_fields_are_set_together_and_who_did_it_is_kept(mailroom: Mailroom) -> None:
    result = mailroom("subscriptions", "set", NO_SEND, "tags=SOC", "emails_list=Ann <ann@example.com>")

    assert result.stdout.splitlines() == [
        f"{NO_SEND}: tags = SOC",
        f"{NO_SEND}: emails_list = Ann <ann@example.com>",
    ]
    assert stored(mailroom)[:2] == ("Ann <ann@example.com>", "SOC")
    assert mailroom.rows("subscription_changed") == [(getpass.getuser(), True)]


def test_malformed_recipients_are_refused_unless_forced(mailroom: Mailroom) -> None:
    before = stored(mailroom)
    change = ("subscriptions", "set", NO_SEND, "tags=SOC", "emails_list=ann@example.com, bob")

    assert isinstance(mailroom(*change).exception, ChangeRefused)
    assert stored(mailroom) == before
    assert "'bob' is no address" in mailroom(*change, "--force").stderr
    assert stored(mailroom)[:2] == ("ann@example.com, bob", "SOC")


def test_columns_that_only_one_of_the_reports_has_are_set_with_a_word_about_the_other(
    mailroom: Mailroom,
) -> None:
    shared = "Exchange Send Receive By Site"

    assert (
        "unverified-domain-pairs lacks"
        in mailroom("subscriptions", "set", shared, "columns=event_status").stderr
    )


def test_a_subscription_is_disabled_and_enabled(mailroom: Mailroom) -> None:
    mailroom("subscriptions", "disable", NO_SEND)
    assert not stored(mailroom)[2]
    mailroom("subscriptions", "enable", NO_SEND)
    assert stored(mailroom)[2]


@pytest.mark.parametrize("options", [(), ("--for", "8h"), ("--until", "2999-01-01T00:00:00Z")])
def test_a_subscription_is_muted_for_a_while_and_unmuted(
    mailroom: Mailroom, options: tuple[str, ...]
) -> None:
    assert mailroom("subscriptions", "mute", NO_SEND, *options).exit_code == 0
    assert stored(mailroom)[3]
    mailroom("subscriptions", "unmute", NO_SEND)
    assert stored(mailroom)[3] is None


@pytest.mark.parametrize(
    "options",
    [
        ("--for", "8h", "--until", "2999-01-01T00:00:00Z"),
        ("--for", "0s"),
        ("--for", "long"),
        ("--until", "2020-01-01T00:00:00Z"),
        ("--until", "2999-01-01T00:00:00"),
    ],
)
def test_a_time_that_makes_no_sense_mutes_nothing(mailroom: Mailroom, options: tuple[str, ...]) -> None:
    assert mailroom("subscriptions", "mute", NO_SEND, *options).exit_code == 2
    assert stored(mailroom)[3] is None


def test_an_unknown_subscription_is_answered_with_the_nearest(mailroom: Mailroom) -> None:
    error = mailroom("subscriptions", "mute", "exchange servers no-send").exception

    assert isinstance(error, NameUnknown)
    assert f"did you mean {NO_SEND!r}" in str(error)


def test_preferences_are_listed_with_kinds_and_defaults(mailroom: Mailroom) -> None:
    listed = {each["key"]: each for each in mailroom.json("preferences", "list")}

    interval = listed["exchange__report_interval"]
    assert (interval["value"], interval["default"], interval["kind"]) == ("12h", "12h", "duration")
    assert all(each["help"] for each in listed.values())
    assert "exchange__empty_alerts" in mailroom("preferences", "list").stdout


def test_a_preference_is_set_and_read_again(mailroom: Mailroom) -> None:
    assert (
        mailroom("preferences", "set", "exchange__report_interval", "6h").stdout
        == "exchange__report_interval: 12h -> 6h\n"
    )
    result = mailroom("preferences", "get", "exchange__report_interval")
    assert result.stdout == "6h\n"
    assert "default 12h" in result.stderr


def test_a_preference_without_a_row_has_its_default_until_it_is_set(mailroom: Mailroom) -> None:
    assert mailroom.json("preferences", "get", "exchange__failure_quiet")["value"] == "4h"
    mailroom("preferences", "set", "exchange__failure_quiet", "1h")
    assert mailroom.rows("preference", preference="failure_quiet") == [("1h",)]


def test_a_value_of_the_wrong_kind_is_refused(mailroom: Mailroom) -> None:
    for key, value in (("report_interval", "0s"), ("empty_alerts", "perhaps"), ("report_level", "LOUD")):
        error = mailroom("preferences", "set", f"exchange__{key}", value).exception
        assert isinstance(error, PreferenceMalformed)
    assert mailroom.rows("preference", preference="report_interval") == [("12h",)]


def test_an_unknown_preference_is_answered_with_the_nearest(mailroom: Mailroom) -> None:
    error = mailroom("preferences", "get", "exchange__report_intervall").exception

    assert "did you mean 'exchange__report_interval'" in str(error)


def test_a_stored_value_that_cannot_be_used_is_told(mailroom: Mailroom) -> None:
    mailroom.do("spoil_preference")

    assert "cannot be used" in mailroom("preferences", "list").stderr
    assert "soon" in mailroom.json("preferences", "get", "exchange__report_interval")["problem"]
