"""The whole sample as rows."""

from dataclasses import dataclass
from datetime import datetime

from services.console.sample_data import last_seen
from services.console.sample_data.bounces import bounces
from services.console.sample_data.domain_pairs import domain_pairs
from services.console.sample_data.events import observations
from services.console.sample_data.rows import (
    Bot,
    Database,
    DomainPair,
    Event,
    EventMail,
    QueuedMessage,
    Server,
    Site,
)
from services.console.sample_data.topology import topology


@dataclass(frozen=True, slots=True)
class Sample:
    """The rows of every table that the sample fills."""

    sites: list[Site]
    bots: list[Bot]
    servers: list[Server]
    databases: list[Database]
    domain_pairs: list[DomainPair]
    events: list[Event]
    event_mails: list[EventMail]
    queue: list[QueuedMessage]


def sample(seed: int, scale: float, now: datetime) -> Sample:
    """Generate the sample; the same arguments give the same rows.

    Args:
        seed: of the repeatable randomness.
        scale: multiplies events and bounces; 1 gives about 12,000 events and 200 spooled messages. The
            inventory is the same at every scale.
        now: the nominal time that everything refers to, with a time zone; every event is older.
    """
    estate = topology()
    observed = list(observations(estate, seed, scale, now))
    events = [event for event, _ in observed]
    return Sample(
        sites=list(estate.sites),
        bots=last_seen.bots(estate, events),
        servers=last_seen.servers(estate, events, now),
        databases=last_seen.databases(estate, events, now),
        domain_pairs=domain_pairs(seed, now),
        events=events,
        event_mails=[mail for _, mail in observed if mail is not None],
        queue=list(bounces(seed, scale, now)),
    )
