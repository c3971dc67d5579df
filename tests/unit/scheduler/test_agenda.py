"""What is remembered between two rounds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from prometheus_client import REGISTRY

from services.scheduler.agenda import Agenda
from services.scheduler.due import CatchUp, Schedule, due
from tests.unit.scheduler import schedules
from tests.unit.scheduler.schedules import START

HOURLY = replace(schedules.HOURLY, name="agenda hourly", args={"reports": ["a"]})


def due_after(subject: Agenda, schedule: Schedule, after: timedelta) -> list[tuple[datetime, ...]]:
    return [nominal_times for _, nominal_times in subject.due([schedule], START + after)]


def next_due(name: str = HOURLY.name) -> datetime | None:
    value = REGISTRY.get_sample_value("mailroom_schedule_next_due_timestamp_seconds", {"schedule": name})
    return None if value is None else datetime.fromtimestamp(value, UTC)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the schedules whose nominal times were worked out."""
    names: list[str] = []

    def recording(schedule: Schedule, *args: Any) -> object:
        names.append(schedule.name)
        return due(schedule, *args)

    monkeypatch.setattr("services.scheduler.agenda.due", recording)
    return names


def test_an_unchanged_schedule_is_worked_out_once_before_its_next_time(computed: list[str]) -> None:
    subject = Agenda(CatchUp())
    for minutes in (10, 20, 59):
        assert due_after(subject, HOURLY, timedelta(minutes=minutes)) == []
    assert computed == [HOURLY.name]
    assert due_after(subject, HOURLY, timedelta(minutes=60)) == [(START + timedelta(hours=1),)]


def test_what_could_not_be_fired_is_due_again_in_the_next_round() -> None:
    subject = Agenda(CatchUp())
    for _ in range(2):
        assert due_after(subject, HOURLY, timedelta(minutes=61)) == [(START + timedelta(hours=1),)]


def test_a_changed_row_is_worked_out_at_once() -> None:
    subject = Agenda(CatchUp())
    assert due_after(subject, HOURLY, timedelta(minutes=10)) == []
    changed = replace(HOURLY, crontab="*/5 * * * *")
    assert due_after(subject, changed, timedelta(minutes=11)) == [(START + timedelta(minutes=10),)]


def test_next_due_is_told_as_long_as_the_schedule_is_there() -> None:
    subject = Agenda(CatchUp())
    due_after(subject, HOURLY, timedelta(minutes=10))
    assert next_due() == START + timedelta(hours=1)
    due_after(subject, replace(HOURLY, crontab="30 * * * *"), timedelta(minutes=11))
    assert next_due() == START + timedelta(minutes=30)
    list(subject.due([], START + timedelta(minutes=12)))
    assert next_due() is None


def test_a_one_off_that_has_fired_is_not_due_next() -> None:
    subject = Agenda(CatchUp())
    assert due_after(subject, replace(HOURLY, one_off=True), timedelta(minutes=61)) != []
    list(subject.due([], START + timedelta(minutes=62)))
    assert next_due() is None


def test_all_is_worked_out_again_when_the_clock_went_back(computed: list[str]) -> None:
    subject = Agenda(CatchUp())
    due_after(subject, HOURLY, timedelta(minutes=10))
    subject.forget()
    due_after(subject, HOURLY, timedelta(minutes=9))
    assert computed == [HOURLY.name] * 2


def test_a_schedule_that_has_expired_is_not_due_next() -> None:
    subject = Agenda(CatchUp())
    due_after(subject, HOURLY, timedelta(minutes=10))
    due_after(subject, replace(HOURLY, expires_after=START), timedelta(minutes=11))
    assert next_due() is None


def test_a_schedule_that_cannot_be_read_is_told_once_until_it_is_changed() -> None:
    subject = Agenda(CatchUp())
    broken = replace(HOURLY, crontab="no crontab")
    with structlog.testing.capture_logs() as logs:
        for minutes in (10, 11):
            assert due_after(subject, broken, timedelta(minutes=minutes)) == []
        assert due_after(subject, replace(broken, crontab="nor this"), timedelta(minutes=12)) == []
    assert [log["action"] for log in logs] == ["schedule-invalid"] * 2
    assert due_after(subject, HOURLY, timedelta(minutes=61)) == [(START + timedelta(hours=1),)]
