"""Every preference there is: the section `exchange`, which an operator tunes for all reports at once.

The registry has every preference of the original by its name, with the original's default, and ours
beside them. A name that no report reads says so in its help.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Literal, TypeVar

from shared.errors import MailroomError
from shared.settings.values import parse_time_span, parse_yes_no

Kind = Literal["duration", "text", "boolean", "level"]

LEVELS = ("INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL")
SECTION = "exchange"

_NOT_READ = "No report reads it; it is kept for the collector that writes the monitoring data."

_T = TypeVar("_T")


class PreferenceMalformed(MailroomError):
    """A preference has a value that is not of its kind; the message names both."""


class PreferenceUnknown(MailroomError):
    """There is no preference of that name; the message names those there are."""


@dataclass(frozen=True, slots=True)
class Preference(Generic[_T]):
    """One preference.

    Attributes:
        name: within the section.
        kind: of its values.
        default: as typed.
        label: a few words, for listings.
        help: what it does, in sentences.
        parse: reads a typed value; raises ValueError with the accepted form.
    """

    name: str
    kind: Kind
    default: str
    label: str
    help: str
    parse: Callable[[str], _T]

    @property
    def key(self) -> str:
        """Its name in documents and on the command line."""
        return f"{SECTION}__{self.name}"

    def read(self, values: Mapping[str, str]) -> _T:
        """Return the value among name-to-value rows; a missing row means the default.

        Raises:
            PreferenceMalformed: it is not of its kind.
        """
        text = values.get(self.name, self.default)
        try:
            return self.parse(text)
        except ValueError as error:
            raise PreferenceMalformed(f"preference {self.key} is {text!r:.40}, {error}") from error


def parse_interval(text: object) -> timedelta:
    """Read the length of a window.

    Raises:
        ValueError: it is no time span, or not above zero.
    """
    interval = parse_time_span(text)
    if interval <= timedelta():
        raise ValueError("not above zero; write for instance 45m, 12h or 1d12h")
    return interval


def parse_level(text: str) -> str:
    """Read a level, in any case.

    Raises:
        ValueError: there is none of that name.
    """
    level = text.strip().upper()
    if level not in LEVELS:
        raise ValueError(f"not a level; write {', '.join(LEVELS[:-1])} or {LEVELS[-1]}")
    return level


def _span(name: str, default: str, label: str, text: str) -> Preference[timedelta]:
    return Preference(name, "duration", default, label, text, parse_time_span)


def _boolean(name: str, default: str, label: str, text: str) -> Preference[bool]:
    return Preference(name, "boolean", default, label, text, parse_yes_no)


def _level(name: str, default: str, label: str, text: str) -> Preference[str]:
    return Preference(name, "level", default, label, text, parse_level)


REPORT_INTERVAL = Preference(
    "report_interval",
    "duration",
    "12h",
    "Reporting interval",
    "Length of every report's window, which ends at the nominal time of the run; a schedule's args may have "
    'their own: {"interval": "6h"}. Above zero.',
    parse_interval,
)
REPORT_LEVEL = _level(
    "report_level",
    "INFO",
    "Level of the reports",
    "Stands in the subject of every report; reports of failures say ERROR as soon as they have a row.",
)
DEFAULT_LEVEL = _level(
    "default_level",
    "WARNING",
    "Level of the notices",
    "Stands in the subject of mails that are no report: the notice that a report could not be made.",
)
EMPTY_ALERTS = _boolean(
    "empty_alerts",
    "false",
    "Mail reports without rows",
    "Whether the reports that only matter with rows (servers, databases, unverified pairs) are mailed "
    "without any; a subscription's send_empty goes before.",
)
REPORTS_ENABLED = _boolean(
    "reports_enabled",
    "true",
    "Reports enabled",
    "false: no report is run; every run is recorded as skipped.",
)
FAILURE_QUIET = _span(
    "failure_quiet",
    "4h",
    "Quiet period of failure notices",
    "Within this time, the notice that a report could not be made is mailed once for each report, whatever "
    "number of sites or bots it failed for; 0ms: for every failed run.",
)
EXPIRE_EVENTS = _span(
    "expire_events",
    "36h",
    "Age at which events expire",
    "Expired events are in no report; a report whose window is longer says that it is not complete.",
)
CHARTS = _boolean(
    "charts",
    "false",
    "Charts in the event reports",
    "Whether they show passes and failures by hour as a picture; needs Mailroom's extra `charts`.",
)
HOST_TAG = _boolean(
    "host_tag",
    "false",
    "Host name as a tag",
    "Whether subjects begin with the report worker's host name in brackets, before the subscription's tags.",
)

#: Every preference, in the order of listings.
REGISTRY: tuple[Preference[Any], ...] = (
    REPORT_INTERVAL,
    REPORT_LEVEL,
    DEFAULT_LEVEL,
    EMPTY_ALERTS,
    REPORTS_ENABLED,
    FAILURE_QUIET,
    EXPIRE_EVENTS,
    CHARTS,
    HOST_TAG,
    _boolean(
        "delete_expired",
        "true",
        "Delete expired events",
        "Whether expired events are removed, whole months at a time, once they are also older than the "
        "setting retention.events; false: they are kept.",
    ),
    Preference("source", "text", "BorgExchangeMonitor", "Sources of events", _NOT_READ, str.strip),
    _span("server_warn", "2h", "Warn of a silent server after", _NOT_READ),
    _span("server_error", "6h", "Silent server is an error after", _NOT_READ),
    _span("bot_warn", "2h", "Warn of a silent bot after", _NOT_READ),
    _span("bot_error", "6h", "Silent bot is an error after", _NOT_READ),
    _span("default_error", "2h", "Anything else silent is an error after", _NOT_READ),
    _span("nil_duration", "0ms", "No time at all", _NOT_READ),
)


def find_preference(section: str, name: str) -> Preference[Any]:
    """Return one preference of the registry.

    Raises:
        PreferenceUnknown: there is none of that name.
    """
    for preference in REGISTRY:
        if (section, name) == (SECTION, preference.name):
            return preference
    known = ", ".join(preference.key for preference in REGISTRY)
    raise PreferenceUnknown(f"there is no preference {section}__{name}; there are {known}")


def validate(section: str, name: str, text: str) -> timedelta | str | bool:
    """Read a value as an operator typed it, before it is stored.

    Raises:
        PreferenceUnknown: there is no such preference.
        PreferenceMalformed: the value is not of its kind.
    """
    value: timedelta | str | bool = find_preference(section, name).read({name: text})
    return value
