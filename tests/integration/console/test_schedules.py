from contextlib import closing

import pika
import pytest

from demo.servers.rabbitmq import Broker
from services.console.names import NameUnknown
from shared.broker import REPORT_COMMANDS, Topology
from shared.wire import ReportRun
from tests.integration.console.conftest import Mailroom

pytestmark = pytest.mark.integration
NO_SEND = "No send exchange servers report"
BY_SITE = "Exchange send receive by site report"


def enabled(mailroom: Mailroom) -> dict[str, bool]:
    return dict(mailroom.rows("schedules"))


def published(broker: Broker) -> list[ReportRun]:
    """Take the commands out of the report worker's queue."""
    commands = []
    with closing(pika.BlockingConnection(pika.URLParameters(broker.amqp_url))) as connection:
        channel = connection.channel()
        while (taken := channel.basic_get(Topology(broker.prefix).name(REPORT_COMMANDS), auto_ack=True))[0]:
            commands.append(ReportRun.decode(taken[1].type, taken[2]))
    return commands


def test_schedules_are_listed_with_their_next_firing(mailroom: Mailroom) -> None:
    listed = {schedule["name"]: schedule for schedule in mailroom.json("schedules", "list")}

    assert listed[NO_SEND]["crontab"] == "45 7,15,23 * * *"
    assert listed[NO_SEND]["next_at"][14:16] == "45"
    assert NO_SEND in mailroom("schedules", "list").stdout


def test_a_schedule_is_shown_by_name_and_a_misspelt_one_answered(mailroom: Mailroom) -> None:
    assert mailroom.json("schedules", "show", NO_SEND)["args"] == {"reports": ["no-send-servers"]}

    error = mailroom("schedules", "show", "no send exchange server report").exception
    assert isinstance(error, NameUnknown)
    assert f"did you mean {NO_SEND!r}" in str(error)


def test_a_schedule_is_disabled_and_enabled_alone(mailroom: Mailroom) -> None:
    mailroom("schedules", "disable", NO_SEND)
    assert [name for name, on in enabled(mailroom).items() if not on] == [NO_SEND]

    assert mailroom.json("schedules", "enable", NO_SEND) == {"enabled": [NO_SEND]}
    assert all(enabled(mailroom).values())


def test_every_schedule_is_disabled_at_once(mailroom: Mailroom) -> None:
    changed = mailroom.json("schedules", "disable", "--all")["disabled"]

    assert set(changed) == set(enabled(mailroom))
    assert not any(enabled(mailroom).values())
    assert "nothing to do" in mailroom("schedules", "disable", "--all").stdout


def test_enabling_what_is_enabled_does_not_move_the_time_since_when(mailroom: Mailroom) -> None:
    before = mailroom.rows("enabled_since")
    mailroom("schedules", "enable", "--all")

    assert mailroom.rows("enabled_since") == before


def test_an_unknown_name_among_several_changes_none(mailroom: Mailroom) -> None:
    assert isinstance(mailroom("schedules", "disable", NO_SEND, "nothing").exception, NameUnknown)
    assert all(enabled(mailroom).values())


@pytest.mark.parametrize("arguments", [(), (NO_SEND, "--all")])
def test_names_or_all_have_to_be_given(mailroom: Mailroom, arguments: tuple[str, ...]) -> None:
    assert mailroom("schedules", "disable", *arguments).exit_code == 2
    assert all(enabled(mailroom).values())


def test_running_a_schedule_publishes_the_runs_that_are_in_the_ledger(
    mailroom: Mailroom, broker: Broker
) -> None:
    mailroom("schedules", "disable", BY_SITE)

    given = mailroom.in_a_process("schedules", "run", BY_SITE)

    ledger = mailroom.rows("report_runs")
    assert [row[1:] for row in ledger] == [
        (report, None, BY_SITE, "operator", "scheduled", None)
        for report in ("events-by-site", "failed-events-by-site")
    ]
    commands = published(broker)
    assert {run.run_id for run in commands} == {row[0] for row in ledger} == {run["run_id"] for run in given}
    assert {run.requested_by for run in commands} == {"operator"}


def test_running_a_schedule_twice_is_two_runs(mailroom: Mailroom, broker: Broker) -> None:
    mailroom.in_a_process("schedules", "run", NO_SEND)
    mailroom.in_a_process("schedules", "run", NO_SEND)

    assert len({run.run_id for run in published(broker)}) == 2


def test_a_schedule_is_explained_with_firings_recipients_and_rows(mailroom: Mailroom) -> None:
    mailroom("db", "load-sample", "--scale", "0.05")
    mailroom.do("spoil_recipients")

    explained = mailroom.json("schedules", "explain", NO_SEND)

    assert len(explained["firings"]) == 10
    (report,) = explained["reports"]
    assert report["recipients"] == ["Ann <ann@example.com>"]
    assert (report["malformed"], report["repeated"]) == (["bob"], ["ann@example.com"])
    (mail,) = report["mails"]
    assert mail["rows"] > 0
    assert (mail["attachment"], mail["mailed"]) == ("as is (CSV)", True)
    text = mailroom("schedules", "explain", NO_SEND).stdout
    assert "no addresses: bob" in text
    assert f"{mail['rows']} row" in text
    assert mailroom.rows("report_runs") == []


def test_a_report_for_each_site_is_explained_site_by_site(mailroom: Mailroom) -> None:
    mailroom("db", "load-sample", "--scale", "0.05")
    mailroom.variables["MAILROOM_REPORTS__ATTACHMENT_LIMIT"] = "10"
    mailroom("subscriptions", "disable", "Exchange Send Receive By Site")

    full, failed = mailroom.json("schedules", "explain", BY_SITE)["reports"]

    assert len(full["mails"]) == len(failed["mails"]) > 1
    assert {mail["entity"] for mail in full["mails"]} == {mail["entity"] for mail in failed["mails"]}
    assert not any(mail["mailed"] for mail in full["mails"])
    assert "disabled" in full["mails"][0]["remark"]
    assert "left out, too large" in {mail["attachment"] for mail in full["mails"]}
