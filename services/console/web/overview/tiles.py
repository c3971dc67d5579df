"""The numbers of the overview, each with the list that its rows are in: decided from a status alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.console.status.status import DatabaseStatus, Status
from services.console.status.troubles import Trouble, in_words


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of the console, as far as a filter leaves it.

    Attributes:
        model: the table's, as addresses have it.
        wanted: the address's parameters.
    """

    model: str
    wanted: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tile:
    """One number.

    Attributes:
        name: plain and stable.
        label: for people.
        value: None when it is not known.
        rows: where its rows are, or what is nearest to them.
        note: a few words more.
        troubles: subjects of the troubles that it shows.
    """

    name: str
    label: str
    value: int | None
    rows: Rows
    note: str = ""
    troubles: tuple[str, ...] = ()

    def wants_attention(self, found: tuple[Trouble, ...]) -> bool:
        """Tell whether one of the troubles is its."""
        return any(trouble.subject in self.troubles for trouble in found)


@dataclass(frozen=True, slots=True)
class Group:
    """Numbers under one heading."""

    title: str
    tiles: tuple[Tile, ...]


#: Where to look for troubles that no number shows.
ELSEWHERE: Mapping[str, Rows] = {
    "reports-disabled": Rows("preference", {"q": "exchange__reports_enabled"}),
    "malformed-preference": Rows("preference"),
}


def groups(status: Status) -> tuple[Group, ...]:
    """Return all numbers of a status."""
    found = [Group("Queues", tuple(_queues(status.queues)))]
    if status.database is not None:
        found = [
            Group("Reports, last 24 hours", tuple(_reports(status.database, status.since))),
            Group("Bounces", tuple(_bounces(status.database))),
            Group("Deliveries, last 24 hours", tuple(_deliveries(status.database, status.since))),
            *found,
            Group("Switches", tuple(_switches(status.database))),
        ]
    return tuple(found)


def _reports(database: DatabaseStatus, since: datetime) -> Iterator[Tile]:
    def runs(*states: str) -> Rows:
        return Rows("reportrun", {**_states(*states), "created_at__gte": since.isoformat()})

    counts = database.runs
    yield Tile("runs-sent", "Sent", counts["sent"], runs("sent"))
    yield Tile("runs-empty", "Without rows", counts["empty"], runs("empty"))
    yield Tile("runs-skipped", "Skipped", counts["skipped"], runs("skipped"))
    yield Tile(
        "runs-in-progress",
        "In progress",
        counts["scheduled"] + counts["running"],
        runs("scheduled", "running"),
        troubles=("scheduled-runs",),
    )
    yield Tile("runs-failed", "Failed", counts["failed"], runs("failed"), troubles=("failed-runs",))


def _bounces(database: DatabaseStatus) -> Iterator[Tile]:
    age = database.oldest_bounce_age_seconds
    yield Tile(
        "bounces-waiting",
        "Waiting",
        database.bounces_waiting,
        _bounced("waiting"),
        f"the oldest for {in_words(timedelta(seconds=age))}" if age is not None else "",
        ("bounces-waiting", "poll"),
    )
    yield Tile("bounces-leased", "Being worked on", database.bounces_leased, _bounced("leased"))
    yield Tile(
        "quarantined",
        "In quarantine",
        database.quarantined,
        Rows("quarantinedentry"),
        troubles=("quarantined",),
    )


def _deliveries(database: DatabaseStatus, since: datetime) -> Iterator[Tile]:
    def attempted(state: str) -> Rows:
        return Rows("delivery", {**_states(state), "last_attempt_at__gte": since.isoformat()})

    counts = database.deliveries
    yield Tile("deliveries-delivered", "Delivered", counts["delivered"], attempted("delivered"))
    yield Tile("deliveries-deferred", "Deferred", counts["deferred"], attempted("deferred"))
    yield Tile(
        "deliveries-failed",
        "Failed",
        counts["failed"],
        attempted("failed"),
        f"{database.undelivered_reports:,} of them no NDRs" if database.undelivered_reports else "",
        ("undelivered-reports",),
    )
    yield Tile(
        "in-doubt",
        "In doubt, ever",
        database.in_doubt,
        Rows("delivery", {"in_doubt": "yes"}),
        troubles=("in-doubt",),
    )
    yield Tile(
        "held",
        "Held, ever",
        database.held,
        Rows("delivery", {**_states("held"), "finished_at__isnull": "True"}),
    )


def _queues(queues: Mapping[str, int | None] | None) -> Iterator[Tile]:
    depths = queues or {}
    yield Tile("parked", "Parked", depths.get("parked"), Rows("parkedmessage"), troubles=("parked",))
    yield Tile(
        "mail-out",
        "Mails to submit",
        depths.get("mail-out"),
        Rows("delivery"),
        troubles=("mail-out",),
    )
    waits = [depth for name, depth in depths.items() if name.startswith("retry.") and depth is not None]
    yield Tile(
        "retry",
        "Waiting for a retry",
        sum(waits) if waits else None,
        Rows("delivery", _states("deferred")),
    )
    yield Tile(
        "report-commands",
        "Reports to run",
        depths.get("report-commands"),
        Rows("reportrun", _states("scheduled")),
    )
    yield Tile(
        "bounce-commands",
        "Polls to make",
        depths.get("bounce-commands"),
        _bounced("waiting"),
    )


def _switches(database: DatabaseStatus) -> Iterator[Tile]:
    yield Tile(
        "schedules-enabled",
        "Schedules enabled",
        database.schedules_enabled,
        Rows("schedule", {"enabled__exact": "1"}),
        "" if database.reports_enabled else "but every run is skipped",
        ("unreadable-schedule",),
    )
    yield Tile(
        "schedules-disabled",
        "Schedules disabled",
        database.schedules_disabled,
        Rows("schedule", {"enabled__exact": "0"}),
    )
    yield Tile(
        "muted-subscriptions",
        "Subscriptions muted",
        len(database.muted_subscriptions),
        Rows("subscription", {"muted": "yes"}),
    )


def _states(*states: str) -> dict[str, str]:
    (state, *others) = states
    return {"state__in": ",".join(states)} if others else {"state__exact": state}


def _bounced(state: str) -> Rows:
    return Rows("queueentry", {"state": state, "status__exact": "bounced"})
