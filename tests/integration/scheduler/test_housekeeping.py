"""What a round of housekeeping removes from the ledgers, and what it leaves."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from services.scheduler import housekeeping
from services.scheduler.housekeeping import Housekeeping, Removed
from services.scheduler.retention import cutoffs
from shared.settings import load_settings
from tests.integration.scheduler.rows import OLD, YOUNG, Rows, month_ago

pytestmark = pytest.mark.integration


def test_deliveries_go_when_all_recipients_of_their_mail_are_finished(
    rows: Rows, keep_house: Callable[..., Removed]
) -> None:
    rows.delivery("ndr.done", "a@example.com", "delivered", OLD)
    rows.delivery("ndr.done", "b@example.com", "failed", OLD)
    rows.delivery("ndr.settled", "a@example.com", "held", OLD)
    for mail_id, state, ago, finished in (
        ("ndr.young", "delivered", YOUNG, True),
        ("ndr.open", "attempting", OLD, False),
        ("ndr.waits", "deferred", OLD, False),
        ("ndr.doubt", "held", OLD, False),
    ):
        rows.delivery(mail_id, "a@example.com", state, ago, finished=finished)
        rows.delivery(mail_id, "b@example.com", "delivered", OLD)

    assert keep_house().rows["mail_delivery"] == 3
    assert rows.left("mail_delivery", "mail_id") == {"ndr.young", "ndr.open", "ndr.waits", "ndr.doubt"}
    assert keep_house().rows["mail_delivery"] == 0


def test_the_delivery_of_what_a_worker_might_make_again_stays(
    rows: Rows, keep_house: Callable[..., Removed]
) -> None:
    ndr, digest, late = uuid4(), uuid4(), uuid4()
    rows("add_entry", status="bounced", ndr_id=ndr, ago=OLD)
    rows("add_held", entry_id=90, digest_id=digest, ago=OLD, digested=False)
    rows("add_delay_notice", entry_id=91, ndr_id=late, ago=OLD)
    run = rows.run("running", OLD)
    kept = {f"ndr.{ndr}", f"ndr.{ndr}.0a1b2c3d", f"digest.{digest}", f"ndr.{late}", f"report.{run}"}
    for mail_id in (*kept, f"ndr.{uuid4()}"):
        rows.delivery(mail_id, "a@example.com", "delivered", OLD)

    assert keep_house().rows["mail_delivery"] == 1
    assert rows.left("mail_delivery", "mail_id") == kept


def test_the_audit_of_an_entry_stays_while_anybody_has_work_with_it(
    rows: Rows, keep_house: Callable[..., Removed]
) -> None:
    queued = rows("add_entry", status="deferred", ndr_id=None, ago=OLD)
    quarantined = rows("add_quarantined", ago=OLD)
    rows("add_held", entry_id=1001, digest_id=None, ago=OLD, digested=False)
    rows("add_held", entry_id=1002, digest_id=uuid4(), ago=OLD, digested=True)
    for entry_id in (queued, quarantined, 1001, 1002, 1003):
        rows("add_audit", entry_id=entry_id, ago=OLD)
    rows("add_audit", entry_id=1004, ago=YOUNG)

    assert keep_house().rows["bounce_audit"] == 2
    assert rows.left("bounce_audit", "entry_id") == {queued, quarantined, 1001, 1004}


def test_runs_go_when_they_their_mail_and_all_they_fanned_out_into_are_finished(
    rows: Rows, keep_house: Callable[..., Removed]
) -> None:
    rows.delivery("report.held", "a@example.com", "held", OLD, finished=False)
    done = rows.run("fanned-out", OLD)
    for state in ("sent", "empty", "failed", "skipped"):
        rows.run(state, OLD, parent=done)
    parent_of_open, parent_of_young = rows.run("fanned-out", OLD), rows.run("fanned-out", OLD)
    kept = {
        parent_of_open,
        parent_of_young,
        rows.run("running", OLD, parent=parent_of_open),
        rows.run("sent", YOUNG, parent=parent_of_young),
        rows.run("scheduled", OLD),
        rows.run("sent", OLD, mail_id="report.held"),
    }
    rows.run("sent", OLD, parent=parent_of_open)

    assert keep_house(batch=3).rows["report_run"] == 6
    assert rows.left("report_run", "run_id") == kept


def test_firings_go_but_the_latest_of_each_schedule_and_those_not_published(
    rows: Rows, keep_house: Callable[..., Removed]
) -> None:
    for name in ("yearly", "daily"):
        rows("add_schedule", name=name)
    for name, ago, published in (
        ("yearly", OLD * 2, True),
        ("yearly", OLD, True),
        ("daily", OLD * 3, True),
        ("daily", OLD * 2, False),
        ("daily", OLD, True),
        ("daily", YOUNG, True),
    ):
        rows("add_firing", schedule=name, ago=ago, published=published)

    assert keep_house().rows["firing"] == 3
    assert rows.left("firing", "schedule, published_at IS NULL") == {
        ("yearly", False),
        ("daily", True),
        ("daily", False),
    }


def test_bodies_go_when_nobody_will_fetch_them(rows: Rows, keep_house: Callable[..., Removed]) -> None:
    run = rows.run("running", OLD)
    for mail_id, ago in (
        ("report.gone", OLD),
        ("report.delivered", OLD),
        ("report.deferred", OLD),
        (f"report.{run}", OLD),
        ("report.young", YOUNG),
    ):
        rows("add_body", mail_id=mail_id, ago=ago)
    rows.delivery("report.delivered", "a@example.com", "delivered", OLD)
    rows.delivery("report.deferred", "a@example.com", "deferred", OLD, finished=False)

    assert keep_house().rows["mail_body"] == 2
    assert rows.left("mail_body", "mail_id") == {"report.deferred", f"report.{run}", "report.young"}


def test_nobody_can_remove_what_was_audited_within_a_day(rows: Rows, worker: psycopg.Connection[Any]) -> None:
    rows("add_audit", entry_id=1, ago=OLD)
    rows("add_audit", entry_id=2, ago=timedelta(hours=23))
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="for a day at least"):
        worker.execute("DELETE FROM mailroom.bounce_audit")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker.execute("TRUNCATE mailroom.bounce_audit")
    assert rows.left("bounce_audit", "entry_id") == {1, 2}


def test_a_round_cut_off_in_the_middle_is_gone_on_with(
    rows: Rows, keep_house: Callable[..., Removed]
) -> None:
    for entry_id in range(20):
        rows("add_audit", entry_id=5000 + entry_id, ago=OLD)
    batches = iter((False, False, True))

    cut = keep_house(batch=6, stopping=lambda: next(batches, True))
    assert (cut.whole, cut.rows["bounce_audit"]) == (False, 12)
    whole = keep_house(batch=6)
    assert (whole.whole, whole.rows["bounce_audit"]) == (True, 8)


def test_a_preview_counts_what_a_round_removes_and_changes_nothing(
    owner: psycopg.Connection[Any], worker: psycopg.Connection[Any], rows: Rows
) -> None:
    old = month_ago(14)
    owner.execute("SELECT mailroom.ensure_event_partitions(%s, %s)", (old, old))
    rows.event(old)
    rows.event(month_ago(30))
    rows("add_audit", entry_id=7000, ago=OLD)
    rows.delivery("ndr.done", "a@example.com", "delivered", OLD)
    parent = rows.run("fanned-out", OLD)
    rows.run("sent", OLD, parent=parent)
    work = Housekeeping(
        worker, cutoffs(housekeeping.clock(worker), load_settings(None, {}), housekeeping.expiry(worker))
    )

    before = work.preview()
    assert work.preview() == before
    removed = work.run()
    assert (removed.expired, removed.months_dropped) == (before.expired, before.months_dropped)
    assert removed.rows == +before.rows
    assert removed.rows.total() == 8
