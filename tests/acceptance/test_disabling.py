"""The three places where reports are switched off, each seen at the SMTP sink."""

from collections.abc import Iterator

import pytest

from demo.servers.rabbitmq import Broker
from tests.acceptance.house import House, house
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
#: Always mailed, also without rows; one of them is switched off, the other shows that the rest goes on.
OFF, ON = "all-domain-pairs", "broken-domain-pairs"
OFF_SCHEDULE = "Exchange report all email verification between domains"


@pytest.fixture
def home(database_url: str, broker: Broker) -> Iterator[House]:
    with house(database_url, broker) as home:
        home.connection.execute(
            "DELETE FROM mailroom.schedule WHERE NOT args -> 'reports' ?| %s", ([OFF, ON],)
        )
        for name in ("scheduler", "report_worker", "mail_relay"):
            home.fleet.start(name)
        home.fleet.wait_ready()
        yield home


def reports_at_the_sink(home: House) -> set[str]:
    return {
        line.partition(b": ")[2].decode()
        for mail in home.catcher.messages
        for line in mail.content.split(b"\r\n\r\n")[0].split(b"\r\n")
        if line.startswith(b"X-Mailroom-Report")
    }


def runs(home: House) -> dict[str, tuple[str, str | None]]:
    """Each report's run: its state and reason."""
    return {
        report: (state, reason)
        for report, state, reason in home.rows("SELECT report, state, reason FROM mailroom.report_run")
    }


def finished(home: House, count: int) -> bool:
    return [row[0] for row in home.rows("SELECT state FROM mailroom.report_run")].count(
        "scheduled"
    ) == 0 and len(runs(home)) == count


def test_a_disabled_schedule_mails_nothing(home: House) -> None:
    home.connection.execute("UPDATE mailroom.schedule SET enabled = false WHERE name = %s", (OFF_SCHEDULE,))
    home.schedule_reports_now()
    home.catcher.wait_for(lambda mails: len(mails) == 1, 30)
    wait_until(lambda: finished(home, 1), 10)
    assert reports_at_the_sink(home) == {ON}
    assert OFF not in runs(home)


def test_reports_disabled_all_at_once_mail_nothing_and_say_why(home: House) -> None:
    home.connection.execute("UPDATE mailroom.preference SET value = 'false' WHERE name = 'reports_enabled'")
    home.schedule_reports_now()
    wait_until(
        lambda: [state for state, _ in runs(home).values()] == ["skipped", "skipped"],
        30,
        lambda: str(runs(home)),
    )
    assert home.catcher.messages == ()
    assert all("reports_enabled" in str(reason) for _, reason in runs(home).values())


@pytest.mark.parametrize(
    "change", ["enabled = false", "mute_until = now() + interval '1 hour'"], ids=["disabled", "muted"]
)
def test_a_subscription_switched_off_mails_nothing_and_says_why(home: House, change: str) -> None:
    home.connection.execute(
        f"UPDATE mailroom.subscription SET {change} WHERE name = 'Mail Verification Report'"
    )
    home.schedule_reports_now()
    wait_until(
        lambda: [state for state, _ in runs(home).values()] == ["skipped", "skipped"],
        30,
        lambda: str(runs(home)),
    )
    assert home.catcher.messages == ()
    assert all("Mail Verification Report" in str(reason) for _, reason in runs(home).values())
