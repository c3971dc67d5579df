"""Bars of a day: how many of what, hour by hour; laid out here, drawn by the page as SVG."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

#: Units of the drawing: its height, and from one bar to the next.
HEIGHT = 100
STEP = 10
_GAP = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """One of the kinds that a bar is made of.

    Attributes:
        name: for people.
        tone: how it is painted: good, quiet, odd, bad.
        total: how many of all hours.
    """

    name: str
    tone: str
    total: int


@dataclass(frozen=True, slots=True)
class Segment:
    """The part of a bar that one outcome has."""

    tone: str
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour.

    Attributes:
        begin: of the hour.
        x: left edge.
        counts: of each outcome, in the chart's order.
        segments: from the bottom up.
    """

    begin: datetime
    x: int
    counts: tuple[int, ...]
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """What the page draws, and says in words beside it.

    Attributes:
        name: for the page's own references.
        title: for people.
        outcomes: from the bottom up.
        bars: the oldest first.
        top: how many the full height stands for.
    """

    name: str
    title: str
    outcomes: tuple[Outcome, ...]
    bars: tuple[Bar, ...]
    top: int

    width = property(lambda self: STEP * len(self.bars))
    height = HEIGHT
    bar_width = STEP - _GAP

    @property
    def told(self) -> tuple[Bar, ...]:
        """The hours in which there was something."""
        return tuple(bar for bar in self.bars if any(bar.counts))

    @property
    def summary(self) -> str:
        """The chart in a sentence, for those who do not see it."""
        told = ", ".join(f"{outcome.total:,} {outcome.name}" for outcome in self.outcomes if outcome.total)
        return f"{self.title} of the last {len(self.bars)} hours: {told or 'none'}"


def lay_out(
    name: str,
    title: str,
    tones: Mapping[str, str],
    hours: Sequence[datetime],
    counts: Mapping[tuple[int, str], int],
) -> Chart:
    """Lay out a chart.

    Args:
        name: for the page's own references.
        title: for people.
        tones: every outcome, from the bottom up, with how it is painted.
        hours: begin of each, the oldest first.
        counts: by number of the hour and outcome; without those that are 0.
    """
    totals: Counter[str] = Counter()
    heights: Counter[int] = Counter()
    for (hour, outcome), count in counts.items():
        totals[outcome] += count
        heights[hour] += count
    top = max(heights.values(), default=0) or 1
    bars = tuple(
        _bar(
            begin, number, [(tone, counts.get((number, outcome), 0)) for outcome, tone in tones.items()], top
        )
        for number, begin in enumerate(hours)
    )
    outcomes = tuple(Outcome(outcome, tone, totals[outcome]) for outcome, tone in tones.items())
    return Chart(name, title, outcomes, bars, top)


def _bar(begin: datetime, number: int, parts: Sequence[tuple[str, int]], top: int) -> Bar:
    segments = []
    y = HEIGHT
    for tone, count in parts:
        if count:
            height = max(1, round(HEIGHT * count / top))  # what is there is seen
            y -= height
            segments.append(Segment(tone, y, height))
    return Bar(begin, number * STEP + _GAP // 2, tuple(count for _, count in parts), tuple(segments))
