from dataclasses import replace

import pytest

from services.report_worker.subscription_check import subscription_problems
from tests.unit.report_worker.samples import EVENTS, SERVERS, SUBSCRIPTION


def test_nothing_is_wrong_with_a_good_subscription() -> None:
    assert subscription_problems(replace(SUBSCRIPTION, columns="last_send, server"), [SERVERS]) == ()


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("emails_list", "ops@example.com, broken@", "emails_list: 'broken@' is no address"),
        ("emails_list", "", "emails_list: it names nobody; write for instance Ops <ops@example.com>"),
        ("from_email", "me", "from_email: 'me' is no address"),
        ("attachment", "pdf", "attachment: 'pdf' is none of csv, xlsx, none"),
        (
            "columns",
            "server,last_connected",
            "columns: quiet-servers has no column 'last_connected'; there are last_send, server",
        ),
    ],
)
def test_what_is_wrong_is_named(field: str, value: str, problem: str) -> None:
    # mypy can't know which field a name is
    subscription = replace(SUBSCRIPTION, **{field: value})  # type: ignore[arg-type]
    assert subscription_problems(subscription, [SERVERS]) == (problem,)


def test_a_column_that_one_of_several_reports_has_is_good_and_one_of_no_report_is_not() -> None:
    subscription = replace(SUBSCRIPTION, columns="identifier,server")
    assert subscription_problems(subscription, [SERVERS, EVENTS]) == ()
    assert len(subscription_problems(replace(SUBSCRIPTION, columns="server,x"), [SERVERS, EVENTS])) == 1


def test_columns_of_a_subscription_without_reports_cannot_be_checked_and_are_refused() -> None:
    subscription = replace(SUBSCRIPTION, name="Other", columns="server")
    assert "no report uses" in subscription_problems(subscription, [SERVERS])[0]


def test_there_is_one_template() -> None:
    assert "no template 'mine'" in subscription_problems(SUBSCRIPTION, [SERVERS], "mine")[0]
