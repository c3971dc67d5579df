"""What is wrong with a schedule, and its rhythm in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.console.names import NameUnknown
from services.console.schedules.running import runs_by_hand
from services.console.schedules.validation import rhythm_in_words, schedule_problems
from services.report_worker.catalogue import Catalogue
from services.report_worker.run_arguments import ArgumentsMalformed
from services.scheduler.due import Schedule
from services.scheduler.rhythm import ScheduleInvalid

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
GOOD = Schedule(
    name="Night report",
    task="report.run",
    args={"reports": ["dead-servers"], "interval": "6h"},
    crontab="0 3 * * *",
    every=None,
    time_zone="Europe/Paris",
    one_off=False,
    starts_at=None,
    expires_after=None,
    catch_up="latest",
    last_nominal_at=None,
    created_at=NOW,
    enabled_at=NOW,
)
CATALOGUE = Catalogue.load()


def problems(**changed: object) -> list[tuple[str, str]]:
    found = schedule_problems(replace(GOOD, **changed), CATALOGUE)  # type: ignore[arg-type]
    return [(problem.field, problem.message) for problem in found]


@pytest.mark.parametrize(
    "changed", [{}, {"crontab": "@daily"}, {"crontab": None, "every": timedelta(minutes=5)}]
)
def test_a_good_schedule_has_no_problem(changed: dict[str, object]) -> None:
    assert problems(**changed) == []


@pytest.mark.parametrize(
    ("changed", "field", "message"),
    [
        ({"crontab": "0 3 31 2 *"}, "crontab", "is no crontab (Bad day-of-month); write five fields."),
        ({"crontab": None}, "crontab", "Write a crontab, or an interval"),
        ({"every": timedelta(hours=1)}, "every", "clear one of the two"),
        ({"crontab": None, "every": timedelta(milliseconds=5)}, "every", "at least 1s"),
        ({"time_zone": "Paris"}, "time_zone", "'Paris' is not a time zone; write one such as Europe/Paris"),
        ({"starts_at": NOW, "expires_after": NOW}, "expires_after", "It ends before it starts"),
        ({"args": None}, "args", "Write an object"),
        ({"args": {"reports": "dead-servers"}}, "args", "no list of report names"),
        ({"args": {"reports": ["dead-server"]}}, "args", "did you mean 'dead-servers'?"),
        ({"args": {"reports": ["dead-servers"] * 2}}, "args", "more than once"),
        (
            {"args": {"reports": ["dead-servers"], "scope": {}}},
            "args",
            "'scope'; reports take only 'interval'",
        ),
        ({"args": {"reports": ["dead-servers"], "interval": "0s"}}, "args", "not above zero"),
    ],
)
def test_a_problem_names_its_field_and_what_to_write(
    changed: dict[str, object], field: str, message: str
) -> None:
    ((found, text),) = problems(**changed)

    assert found == field
    assert message in text


def test_all_problems_are_told_at_once() -> None:
    found = problems(crontab="x", time_zone="x", args={})

    assert [field for field, _ in found] == ["crontab", "time_zone", "args"]


@pytest.mark.parametrize(
    ("crontab", "every", "words"),
    [
        ("45 7,15,23 * * *", None, "At 07:45, 15:45, and 23:45 every day"),
        ("@daily", None, "At 00:00 every day"),
        (None, timedelta(days=2, hours=3), "Every 2d3h"),
        ("nonsense", None, "Cannot be read"),
    ],
)
def test_a_rhythm_is_told_in_words(crontab: str | None, every: timedelta | None, words: str) -> None:
    assert rhythm_in_words(crontab, every) == words


def test_runs_by_hand_are_an_operators() -> None:
    (run,) = runs_by_hand(GOOD, CATALOGUE, NOW)

    assert (run.report, run.requested_by, run.args, run.nominal_at) == (
        "dead-servers",
        "operator",
        {"interval": "6h"},
        NOW,
    )


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ({}, ScheduleInvalid),
        ({"reports": ["dead-server"]}, NameUnknown),
        ({"reports": ["dead-servers"], "limit": 1}, ArgumentsMalformed),
    ],
)
def test_a_schedule_that_no_worker_could_follow_is_not_run(
    args: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        runs_by_hand(replace(GOOD, args=args), CATALOGUE, NOW)
