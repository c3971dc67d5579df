"""The estate that is watched: 8 sites, 14 bots, 22 servers, 98 mailboxes in 74 distinct database names.

The counts are those of the system the reports come from. Servers come in pairs (`spexcm001` and `spexcm101`);
24 database names exist on both servers of a pair.
"""

from dataclasses import dataclass
from enum import Enum

from services.console.sample_data.rows import Site

#: A disabled site, and an enabled one whose bot fell silent.
DISABLED_SITE = "Pemberton"
SILENT_SITE = "Bella Coola"

SITES = (
    Site("Squamish"),
    Site("LGH", notes="Lion's Gate Hospital"),
    Site("Whistler"),
    Site(DISABLED_SITE, enabled=False, notes="Moved to Whistler"),
    Site("Bella Bella"),
    Site(SILENT_SITE),
    Site("Sechelt"),
    Site("Powel River"),
)


class Health(Enum):
    """What becomes of the requests to a server or database."""

    SOUND = "all requests succeed, save for the odd hiccup"
    UNREACHABLE = "no connection ever succeeded"
    LOST = "connections fail since some hours before the reporting window"
    MUTE = "no mail is ever sent"
    DEAF = "nothing is received since some hours before the reporting window"
    RETIRED = "nobody asks it any more"


@dataclass(frozen=True, slots=True)
class BotHost:
    """A host that sends and receives test mails; the mailboxes it covers are given by `Topology.shares`."""

    host_name: str
    site: str | None
    ip_address: str
    enabled: bool = True
    silent: bool = False


@dataclass(frozen=True, slots=True)
class ServerHost:
    """An Exchange server."""

    name: str
    enabled: bool
    health: Health


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A test mailbox: the only one in its database."""

    server: ServerHost
    database: str
    health: Health = Health.SOUND
    enabled: bool = True

    @property
    def address(self) -> str:
        """Its address, which names server and database."""
        return f"z-{self.server.name}-{self.database}@phsa.ca"


_BOTS = (
    ("squamish-bot1", "Squamish"),
    ("squamish-bot2", "Squamish"),
    ("lgh-bot1", "LGH"),
    ("lgh-bot2", "LGH"),
    ("lgh-bot3", "LGH"),
    ("whistler-bot1", "Whistler"),
    ("whistler-bot2", "Whistler"),
    ("pemberton-bot1", DISABLED_SITE),
    ("bellabella-bot1", "Bella Bella"),
    ("bellacoola-bot1", SILENT_SITE),
    ("sechelt-bot1", "Sechelt"),
    ("powelriver-bot1", "Powel River"),
    ("powelriver-bot2", "Powel River"),
    ("spare-bot1", None),
)
_DISABLED_BOT = "lgh-bot3"

_PAIRS = 11
_SERVER_HEALTH = {
    "spexcm003": Health.UNREACHABLE,
    "spexcm005": Health.LOST,
    "spexcm007": Health.MUTE,
    "spexcm009": Health.DEAF,
    "spexcm104": Health.LOST,
    "spexcm106": Health.UNREACHABLE,
    "spexcm111": Health.RETIRED,
}
_DISABLED_SERVERS = frozenset({"spexcm106", "spexcm111"})

#: Ailing databases on sound servers; one of each kind is disabled and has to stay out of the reports.
_DATABASE_HEALTH = {
    ("spexcm001", "db01001"): Health.DEAF,
    ("spexcm101", "db01202"): Health.MUTE,
    ("spexcm102", "db02201"): Health.RETIRED,
    ("spexcm110", "db10001"): Health.DEAF,
}
_DISABLED_DATABASES = frozenset({("spexcm102", "db02201"), ("spexcm110", "db10001")})


@dataclass(frozen=True, slots=True)
class Topology:
    """Sites, bots, servers and mailboxes; the same for every seed."""

    sites: tuple[Site, ...]
    bots: tuple[BotHost, ...]
    servers: tuple[ServerHost, ...]
    mailboxes: tuple[Mailbox, ...]

    def shares(self) -> dict[str, tuple[Mailbox, ...]]:
        """The mailboxes each bot covers, by host name.

        The reliable bots cover every mailbox among them; a silent or disabled bot covers one that a reliable
        one covers too, so that its failure does not make servers look dead.
        """
        reliable = [bot for bot in self.bots if bot.enabled and not bot.silent]
        shares = {bot.host_name: self.mailboxes[index :: len(reliable)] for index, bot in enumerate(reliable)}
        return {
            bot.host_name: shares.get(bot.host_name, self.mailboxes[:: len(reliable)]) for bot in self.bots
        }


def topology() -> Topology:
    """The estate of the sample."""
    return Topology(SITES, _bots(), _servers(), _mailboxes())


def _bots() -> tuple[BotHost, ...]:
    return tuple(
        BotHost(
            host_name=host_name,
            site=site,
            ip_address=f"192.0.2.{number}",
            enabled=host_name != _DISABLED_BOT,
            silent=site == SILENT_SITE,
        )
        for number, (host_name, site) in enumerate(_BOTS, start=11)
    )


def _server(number: int) -> ServerHost:
    name = f"spexcm{number:03}"
    return ServerHost(name, name not in _DISABLED_SERVERS, _SERVER_HEALTH.get(name, Health.SOUND))


def _servers() -> tuple[ServerHost, ...]:
    return tuple(_server(hundred + pair) for hundred in (0, 100) for pair in range(1, _PAIRS + 1))


def _mailboxes() -> tuple[Mailbox, ...]:
    return tuple(
        Mailbox(
            server=server,
            database=database,
            health=_DATABASE_HEALTH.get((server.name, database), Health.SOUND),
            enabled=(server.name, database) not in _DISABLED_DATABASES,
        )
        for server in _servers()
        for database in _database_names(int(server.name.removeprefix("spexcm")))
    )


def _database_names(number: int) -> list[str]:
    """Names of the databases of a server: first those it shares with its twin, then its own.

    Over 11 pairs that is 2x3 + 9x2 = 24 shared names, and over 22 servers 6x3 + 16x2 = 50 own ones.
    """
    twin, pair = divmod(number, 100)
    shared = 3 if pair <= 2 else 2  # noqa: PLR2004 - the arithmetic is in the docstring
    own = 3 if pair <= 3 else 2  # noqa: PLR2004 - the same
    own_series = 200 if twin else 100
    return [f"db{pair:02}{item:03}" for item in range(1, shared + 1)] + [
        f"db{pair:02}{own_series + item:03}" for item in range(1, own + 1)
    ]
