from datetime import UTC, datetime
from typing import Any

import pytest

from services.console.names import NameUnknown
from services.console.subscriptions.changes import (
    ChangeRefused,
    check_changes,
    columns_not_followed,
    read_changes,
)
from services.console.subscriptions.recipients import repeated
from services.console.subscriptions.subscriptions import StoredSubscription
from services.report_worker.catalogue import Catalogue

REPORTS = list(Catalogue.load().reports.values())
BY_SITE = "Exchange Failed Send Receive By Site"


def subscription(**given: Any) -> StoredSubscription:
    fields = {
        "name": BY_SITE,
        "enabled": True,
        "emails_list": "ann@example.com",
        "from_email": "mailroom@example.com",
        "template_name": "report",
        "email_subject": "",
        "alternate_email_subject": "",
        "columns": "",
        "tags": "",
        "mute_until": None,
        "send_empty": None,
        "attachment": "csv",
        "notes": None,
        "updated_at": datetime(2026, 7, 1, tzinfo=UTC),
        "updated_by": None,
        **given,
    }
    return StoredSubscription(**fields)


def check(*, force: bool = False, **values: Any) -> list[str]:
    return check_changes(subscription(), values, REPORTS, force=force)


def test_values_are_read_as_their_fields_take_them() -> None:
    assert read_changes(
        ["enabled=N", "send_empty=", "tags= SOC,x ", "mute_until=2026-07-01T12:00:00Z", "email_subject=a=b"]
    ) == {
        "enabled": False,
        "send_empty": None,
        "tags": "SOC,x",
        "mute_until": datetime(2026, 7, 1, 12, tzinfo=UTC),
        "email_subject": "a=b",
    }


def test_an_unknown_field_is_answered_with_the_nearest() -> None:
    with pytest.raises(NameUnknown, match="did you mean 'emails_list'"):
        read_changes(["email_list=a@example.com"])


@pytest.mark.parametrize("field", ["name=x", "updated_by=me"])
def test_what_is_not_the_operators_to_set_is_no_field(field: str) -> None:
    with pytest.raises(NameUnknown):
        read_changes([field])


def test_all_malformed_values_are_told_at_once() -> None:
    with pytest.raises(ChangeRefused) as refused:
        read_changes(["enabled=perhaps", "mute_until=tomorrow", "tags=a\r\nBcc: x", "nothing"])

    for part in ("enabled", "mute_until", "more than one line", "no FIELD=VALUE"):
        assert part in str(refused.value)


def test_values_in_order_are_taken() -> None:
    assert check(emails_list='"Ops, night" <ops@example.com>; boss@example.com', attachment="xlsx") == []
    assert check(columns="event_status,host_name") == []


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"emails_list": "ann@example.com, bob"}, "'bob' is no address"),
        ({"emails_list": "ann@example.com, Ann <ANN@example.com>"}, "more than once"),
        ({"emails_list": ""}, "names nobody"),
        ({"from_email": "nobody"}, "from_email"),
        ({"attachment": "pdf"}, "attachment"),
        ({"columns": "event_status,colour"}, "no column 'colour'"),
        ({"template_name": "fancy"}, "template_name"),
    ],
)
def test_a_value_that_would_not_work_is_refused_by_name(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ChangeRefused) as refused:
        check(**values)
    assert told in str(refused.value)
    assert ("--force" in str(refused.value)) == ("emails_list" in values)


def test_force_takes_recipients_and_says_what_is_wrong_with_them() -> None:
    (problem,) = check(force=True, emails_list="ann@example.com, bob")

    assert "'bob' is no address" in problem


def test_force_takes_nothing_but_recipients() -> None:
    with pytest.raises(ChangeRefused, match="from_email"):
        check(force=True, emails_list="bob", from_email="nobody")


def test_what_was_wrong_before_does_not_keep_another_field_from_being_changed() -> None:
    broken = subscription(emails_list="bob")

    assert check_changes(broken, {"tags": "SOC"}, REPORTS, force=False) == []


def test_reports_that_lack_a_column_are_named() -> None:
    shared = subscription(name="Exchange Send Receive By Site", columns="event_status")

    assert columns_not_followed(shared, REPORTS) == ["unverified-domain-pairs"]


def test_an_address_is_repeated_whatever_its_case_and_name() -> None:
    assert repeated('"a@x.y, b" <A@x.y>; b@x.y, a@x.y') == ("a@x.y",)
    assert repeated("") == ()
