"""A report that cannot be made: its owners are told, once in a quiet period, whoever of the workers fails."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest

from services.report_worker.catalogue import Catalogue
from services.report_worker.runs import TakenRun, claim_notice, claim_run
from shared.broker import Outcome
from shared.wire import ReportRun
from shared.worker import Retry
from tests.integration.report_worker.conftest import NOMINAL_AT, House
from tests.integration.report_worker.test_runs import NO_SEND, own_report

pytestmark = pytest.mark.integration

BROKEN = "SELECT nonsense FROM mailroom.site"


@pytest.fixture
def broken(tmp_path: Path) -> Catalogue:
    return own_report(tmp_path, BROKEN)


def test_a_report_that_fails_again_within_the_quiet_period_is_told_once(
    house: House, broken: Catalogue
) -> None:
    first = house.run("own", catalogue=broken)
    second = house.run("own", catalogue=broken)
    assert [mail.mail_id for mail in house.publisher.mails] == [f"report-failure.{first.run_id}"]
    assert (house.ledger(second)["state"], house.ledger(second)["mail_id"]) == ("failed", None)


def test_after_the_quiet_period_a_failure_is_told_again(house: House, broken: Catalogue) -> None:
    first = house.run("own", catalogue=broken)
    house.do("age_run", run_id=first.run_id, age=timedelta(hours=4, seconds=1))
    house.run("own", catalogue=broken)
    assert len(house.publisher.mails) == 2


def test_the_quiet_period_is_a_preference_and_none_means_every_failure(
    house: House, broken: Catalogue
) -> None:
    house.do("put_preference", name="failure_quiet", value="0ms")
    for _ in range(2):
        house.run("own", catalogue=broken)
    assert len(house.publisher.mails) == 2
    assert "told again after" not in str(house.publisher.mails[0].message)


def test_another_reports_failure_does_not_keep_this_one_quiet(house: House, broken: Catalogue) -> None:
    house.run("own", catalogue=broken)
    run = house.run("no-send-servers", args={"interval": "soon"})
    assert house.publisher.mails[1].mail_id == f"report-failure.{run.run_id}"


def test_workers_that_fail_at_once_agree_on_who_tells(house: House) -> None:
    runs = [ReportRun(f"00000000-0000-0000-0000-{n:012}", "own", NOMINAL_AT) for n in range(2)]
    barrier = Barrier(len(runs), timeout=20)

    def claim(run: ReportRun) -> str | None:
        with house.pool.connection() as connection:
            assert isinstance(claim_run(connection, run, timedelta(minutes=1)), TakenRun)
            connection.commit()
            barrier.wait()
            return claim_notice(connection, run, timedelta(hours=4))

    with ThreadPoolExecutor(len(runs)) as threads:
        told = list(threads.map(claim, runs))
    assert told.count(None) == 1


def test_a_notice_the_broker_did_not_take_is_told_by_the_next_attempt_under_the_same_id(
    house: House, broken: Catalogue
) -> None:
    house.publisher.outcome = Outcome.UNCONFIRMED
    run = ReportRun("00000000-0000-0000-0000-000000000001", "own", NOMINAL_AT)
    with pytest.raises(Retry):
        house.make_worker(broken).handle(run)
    assert house.ledger(run)["state"] == "scheduled"
    house.publisher.outcome = Outcome.CONFIRMED
    house.make_worker(broken).handle(run)
    assert {mail.mail_id for mail in house.publisher.mails} == {f"report-failure.{run.run_id}"}
    assert house.ledger(run)["state"] == "failed"


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("set_preference", {"name": "reports_enabled", "value": "false"}),
        ("disable_subscription", {"name": NO_SEND}),
        ("mute_subscription", {"name": NO_SEND, "until": NOMINAL_AT + timedelta(days=1)}),
    ],
)
def test_nobody_is_told_of_a_report_that_nobody_is_to_get(
    house: House, broken: Catalogue, statement: str, parameters: dict[str, object]
) -> None:
    house.do(statement, **parameters)
    house.run("own", catalogue=broken)
    assert not house.publisher.published


def test_a_malformed_preference_is_told_by_name(house: House) -> None:
    house.do("set_preference", name="report_interval", value="soon")
    house.run("no-send-servers")
    assert "preference exchange__report_interval is 'soon'" in house.text()


def test_what_only_the_log_may_know_is_not_mailed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("services.report_worker.composer.word_report", crash)
    run = house.run("no-send-servers")
    assert "hunter2" not in house.text()
    assert f"The report worker's log has it, at run {run.run_id}." in house.text()
    assert "hunter2" in house.ledger(run)["error"]
