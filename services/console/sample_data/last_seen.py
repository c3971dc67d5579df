"""What the inventory says about bots, servers and databases, derived from the events as a collector would."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from services.console.sample_data.rows import Bot, Database, Event, Server
from services.console.sample_data.topology import Health, Topology

#: When the hosts that nobody asks any more were last seen, before the nominal time.
_RETIRED_SINCE = timedelta(days=30)


def bots(topology: Topology, events: Iterable[Event]) -> list[Bot]:
    """The bots, each last seen at its last event."""
    last = {event.bot: event.registered_on for event in sorted(events, key=_registered_on)}
    return [
        Bot(bot.host_name, bot.site, bot.ip_address, bot.enabled, last.get(bot.host_name))
        for bot in topology.bots
    ]


def servers(topology: Topology, events: Iterable[Event], now: datetime) -> list[Server]:
    """The servers with the last success of each kind of request."""
    last = _last_successes(topology, events, by_server=True)
    return [
        Server(
            server.name,
            server.enabled,
            last_connection=retired or times.get("connection"),
            last_send=retired or times.get("send"),
            last_inbox_access=retired or times.get("receive"),
            last_seen=retired or max(times.values(), default=None),
        )
        for server in topology.servers
        for retired, times in [(_retired(server.health, now), last[server.name])]
    ]


def databases(topology: Topology, events: Iterable[Event], now: datetime) -> list[Database]:
    """The databases, each last accessed when its mailbox last received."""
    last = _last_successes(topology, events, by_server=False)
    return [
        Database(
            box.database,
            box.server.name,
            box.enabled,
            _retired(box.health, now) or _retired(box.server.health, now) or last[box.address].get("receive"),
        )
        for box in topology.mailboxes
    ]


def _last_successes(
    topology: Topology, events: Iterable[Event], *, by_server: bool
) -> defaultdict[str, dict[str, datetime]]:
    """The time of the last success by type of request, of each server name or each mailbox address."""
    owner = {box.address: box.server.name if by_server else box.address for box in topology.mailboxes}
    last: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
    for event in sorted(events, key=_registered_on):
        if event.status == "PASS" and event.mail_account is not None:
            address = event.mail_account.split(", ")[-1]  # connections are logged as "DOMAIN\\user, address"
            last[owner[address]][event.type] = event.registered_on
    return last


def _registered_on(event: Event) -> datetime:
    return event.registered_on


def _retired(health: Health, now: datetime) -> datetime | None:
    return now - _RETIRED_SINCE if health is Health.RETIRED else None
