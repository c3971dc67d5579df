"""A picture of passes and failures by hour, for the event reports; needs matplotlib, which is optional."""

import importlib.util
import io
from datetime import datetime, timedelta

from services.report_worker.tally import Tally
from services.report_worker.window import Window

_PASS, _FAIL = "#1a7f4b", "#b42318"
_MOST_HOURS = 24 * 14
_HOUR = timedelta(hours=1)


def can_draw() -> bool:
    """Whether the extra `charts` is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw_chart(tally: Tally, window: Window) -> bytes | None:
    """Draw stacked bars, one for each UTC hour of the window; the same counts give the same bytes.

    Returns:
        A PNG; None when there is nothing to draw, or the window has too many hours for bars.
    """
    hours = _hours(window)
    if not tally.hours or len(hours) > _MOST_HOURS:
        return None
    # imported late: it is optional, and takes a while
    from matplotlib.figure import Figure  # noqa: PLC0415

    counts = [tally.hours.get(hour.strftime("%Y-%m-%dT%H"), (0, 0)) for hour in hours]
    passed, failed = [count[0] for count in counts], [count[1] for count in counts]
    figure = Figure(figsize=(8, 2.4), dpi=96, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    places = range(len(hours))
    axes.bar(places, passed, color=_PASS, label="pass")
    # hatched: told apart without colour, too
    axes.bar(places, failed, bottom=passed, color=_FAIL, hatch="///", edgecolor="white", label="fail")
    step = max(1, len(hours) // 12)
    axes.set_xticks(places[::step], [hour.strftime("%H:%M") for hour in hours[::step]])
    axes.set_xlabel("hour beginning, UTC")
    axes.set_ylabel("events")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=2, loc="upper right", bbox_to_anchor=(1, 1.2))
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def describe_chart(tally: Tally) -> str:
    """Return the words that stand for the picture where it is not shown."""
    passed = sum(count for count, _ in tally.hours.values())
    failed = sum(count for _, count in tally.hours.values())
    worst = max(tally.hours, key=lambda hour: tally.hours[hour][1], default=None)
    text = f"Events by hour: {passed:,} passed, {failed:,} failed"
    return f"{text}; most failures in the hour beginning {worst}:00 UTC" if failed else text


def _hours(window: Window) -> list[datetime]:
    """The hours a window touches, from their beginnings."""
    hour = window.start.replace(minute=0, second=0, microsecond=0)
    return [hour + number * _HOUR for number in range(max(0, -((hour - window.end) // _HOUR)))]
