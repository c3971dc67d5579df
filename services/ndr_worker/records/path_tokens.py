"""Paths with tokens: `%DIRLOG%/audit/Y%Y%/bounced-%DT%.log` (seed 2.7, 2.8, 5.5).

`%DIRTOP%`, `%DIRCONF%`, `%DIRVAR%`, `%DIRLOG%` and `%DIRTMP%` are the directories of the settings, `%PID%`
and `%TID%` the process and the thread that opened the log. `%Y%`, `%M%`, `%D%`, `%h%`, `%m%` and `%s%` are
parts of a local time, `%DT%` all of them that matter to the rotation. A file that rotates is named by the
start of its period, so that every moment of the period gives the same name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from shared.errors import MailroomError
from shared.settings.ndr import DirectorySettings, Rotation

_TOKEN = re.compile(r"%([A-Za-z]+)%")
#: How %DT% is written per rotation (seed 5.5).
_STAMPS: Final[Mapping[Rotation, str]] = {
    "never": "%Y%m%d_%H%M%S",
    "minute": "%Y%m%d_%H%M",
    "hourly": "%Y%m%d_%H00",
    "daily": "%Y%m%d",
    "weekly": "%Y%m%d",
    "monthly": "%Y%m",
    "yearly": "%Y",
}
_STREAMS: Final = {"%stdout%": Path("/dev/stdout"), "%stderr%": Path("/dev/stderr")}


class UnknownPathToken(MailroomError):
    """A path in the settings holds a token that nothing stands for; correct it or leave it out."""

    def __init__(self, template: str, token: str, known: Mapping[str, str]) -> None:
        tokens = " ".join(f"%{name}%" for name in known)
        super().__init__(f"%{token}% in the path {template!r} is not known here; write one of {tokens}")


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A path that depends on the time.

    Attributes:
        template: The path with its tokens; as a whole it may be `%stdout%` or `%stderr%`.
        rotation: The period a file stands for.
        directories: What the tokens for directories stand for.
        process_id: What `%PID%` stands for.
        thread_id: What `%TID%` stands for.

    Raises:
        UnknownPathToken: The template has a token that is none of the above.
    """

    template: str
    rotation: Rotation
    directories: DirectorySettings
    process_id: int
    thread_id: int

    def __post_init__(self) -> None:
        self.at(datetime(2000, 1, 1, tzinfo=UTC))  # an unknown token stops start-up, not the first write

    def at(self, moment: datetime) -> Path:
        """Return the file for a moment; its local time counts."""
        if stream := _STREAMS.get(self.template.lower()):
            return stream
        start = period_start(moment.astimezone(), self.rotation)
        values = _directories(self.directories) | _times(start, self.rotation)
        values |= {"PID": str(self.process_id), "TID": str(self.thread_id)}
        return Path(_expanded(self.template, values))


def period_start(moment: datetime, rotation: Rotation) -> datetime:
    """Return when the period began that a moment lies in; for `never`, the moment itself.

    A week begins on Monday.
    """
    if rotation == "never":
        return moment
    if rotation == "minute":
        return moment.replace(second=0, microsecond=0)
    if rotation == "hourly":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if rotation == "weekly":
        return day - timedelta(days=day.weekday())
    if rotation == "monthly":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if rotation == "yearly" else day


def folder_path(template: str, directories: DirectorySettings) -> Path:
    """Return the folder a template names; only the directories are known in it (seed 2.7).

    Raises:
        UnknownPathToken: It has another token.
    """
    return Path(_expanded(template, _directories(directories)))


def _directories(directories: DirectorySettings) -> dict[str, str]:
    return {f"DIR{name.upper()}": str(path) for name, path in directories}


def _times(start: datetime, rotation: Rotation) -> dict[str, str]:
    parts = {name: format(start, f"%{code}") for name, code in zip("YMDhms", "YmdHMS", strict=True)}
    return parts | {"DT": format(start, _STAMPS[rotation])}


def _expanded(template: str, values: Mapping[str, str]) -> str:
    def value(token: re.Match[str]) -> str:
        if token[1] not in values:
            raise UnknownPathToken(template, token[1], values)
        return values[token[1]]

    return _TOKEN.sub(value, template)
