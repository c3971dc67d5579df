"""What a run's `args` may say: the length of its window.

The first attempt writes the window's length into the ledger's args. So a run done again, its children and an
export of its rows have the same window, whatever the preference says by then.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from services.report_worker.preference_registry import parse_interval
from services.report_worker.preferences import Preferences
from shared.errors import MailroomError


class ArgumentsMalformed(MailroomError):
    """A schedule's args hold something that no report takes; the message names it."""


def validate_arguments(args: Mapping[str, Any]) -> None:
    """Check what a schedule passes on to its reports (its args without `reports`).

    Raises:
        ArgumentsMalformed: a key that no report takes, or an interval that is none.
    """
    run_interval(args, Preferences())


def run_interval(args: Mapping[str, Any], preferences: Preferences) -> timedelta:
    """Return the length of a run's window: what its args say, else the preference.

    Raises:
        ArgumentsMalformed: as `validate_arguments`.
    """
    if unknown := sorted(set(args) - {"interval"}):
        raise ArgumentsMalformed(f"args has {', '.join(map(repr, unknown))}; reports take only 'interval'")
    if "interval" not in args:
        return preferences.report_interval
    try:
        return parse_interval(args["interval"])
    except ValueError as error:
        raise ArgumentsMalformed(f"args: interval is {args['interval']!r:.40}, {error}") from error
