"""Paths with tokens (ndr-original 2.7, 2.8, 5.5)."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ndr_worker.records.path_tokens import PathTemplate, UnknownPathToken, folder_path, period_start
from shared.settings.ndr import DirectorySettings, Rotation

DIRECTORIES = DirectorySettings(
    top=Path("/srv/mail"),
    conf=Path("/etc/mail"),
    var=Path("/var/mail"),
    log=Path("/var/log/mail"),
    tmp=Path("/tmp/mail"),  # noqa: S108 - a value, not a file
)
# A Saturday.
MOMENT = datetime(2026, 11, 21, 14, 5, 9)  # noqa: DTZ001 - local time is what files are named by


def rendered(template: str, rotation: Rotation, at: datetime = MOMENT) -> str:
    return str(PathTemplate(template, rotation, DIRECTORIES, 42, 7).at(at.astimezone()))


@pytest.fixture
def local_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def change(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield change
    monkeypatch.undo()
    time.tzset()


def test_the_seeds_sample_gives_the_seeds_file() -> None:
    assert (
        rendered("%DIRLOG%/audit/Y%Y%/bounced-%DT%.log", "monthly")
        == "/var/log/mail/audit/Y2026/bounced-202611.log"
    )


@pytest.mark.parametrize(
    ("rotation", "stamp"),
    [
        ("never", "20261121_140509"),
        ("minute", "20261121_1405"),
        ("hourly", "20261121_1400"),
        ("daily", "20261121"),
        ("weekly", "20261116"),
        ("monthly", "202611"),
        ("yearly", "2026"),
    ],
)
def test_the_stamp_says_what_matters_to_the_rotation(rotation: Rotation, stamp: str) -> None:
    assert rendered("%DT%", rotation) == stamp


@pytest.mark.parametrize(
    ("rotation", "parts"),
    [
        ("never", "2026-11-21T14-05-09"),
        ("minute", "2026-11-21T14-05-00"),
        ("hourly", "2026-11-21T14-00-00"),
        ("daily", "2026-11-21T00-00-00"),
        ("weekly", "2026-11-16T00-00-00"),
        ("monthly", "2026-11-01T00-00-00"),
        ("yearly", "2026-01-01T00-00-00"),
    ],
)
def test_every_token_for_a_time_uses_the_start_of_the_period(rotation: Rotation, parts: str) -> None:
    assert rendered("%Y%-%M%-%D%T%h%-%m%-%s%", rotation) == parts


def test_a_week_belongs_to_the_year_its_monday_is_in() -> None:
    assert rendered("%Y%/%DT%", "weekly", datetime(2027, 1, 3, 23)) == "2026/20261228"  # noqa: DTZ001 - local


def test_directories_process_and_thread_have_tokens() -> None:
    assert (
        rendered("%DIRTOP%:%DIRCONF%:%DIRVAR%:%DIRLOG%:%DIRTMP%:%PID%:%TID%", "never")
        == "/srv/mail:/etc/mail:/var/mail:/var/log/mail:/tmp/mail:42:7"
    )


def test_the_whole_path_may_be_a_stream() -> None:
    assert rendered("%StdOut%", "daily") == "/dev/stdout"
    assert rendered("%stderr%", "daily") == "/dev/stderr"


def test_an_unknown_token_stops_start_up_and_is_named() -> None:
    with pytest.raises(UnknownPathToken, match=r"%DIRLOGS% in the path '%DIRLOGS%/x' .* %DIRLOG% .* %DT%"):
        PathTemplate("%DIRLOGS%/x", "never", DIRECTORIES, 1, 1)


def test_a_percent_sign_that_is_no_token_stands_as_it_is() -> None:
    assert rendered("100%/%Y%/50% off", "never") == "100%/2026/50% off"


def test_a_directorys_own_percent_signs_are_not_tokens() -> None:
    directories = DirectorySettings(log=Path("/logs/%Y%"))
    assert (
        str(PathTemplate("%DIRLOG%/x", "never", directories, 1, 1).at(MOMENT.astimezone())) == "/logs/%Y%/x"
    )


def test_a_folder_knows_the_directories_and_no_time() -> None:
    assert folder_path("%DIRVAR%/bounces", DIRECTORIES) == Path("/var/mail/bounces")
    with pytest.raises(UnknownPathToken, match="%Y%"):
        folder_path("%DIRVAR%/%Y%", DIRECTORIES)


def test_the_local_day_names_the_file(local_zone: Callable[[str], None]) -> None:
    local_zone("America/Vancouver")
    assert rendered("%DT%", "daily", datetime(2026, 11, 21, 3, tzinfo=UTC)) == "20261120"


@pytest.mark.parametrize("rotation", ["minute", "hourly", "daily", "weekly", "monthly", "yearly"])
@given(moment=st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001 - local
def test_the_start_of_a_period_is_in_it_and_not_after_any_moment(
    rotation: Rotation, moment: datetime
) -> None:
    start = period_start(moment, rotation)
    assert start <= moment
    assert period_start(start, rotation) == start
