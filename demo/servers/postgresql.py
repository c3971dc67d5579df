"""PostgreSQL for a while: where it comes from, and fresh databases on it."""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib import resources
from urllib.parse import parse_qsl, urlencode, urlsplit

import psycopg
from psycopg.sql import SQL, Identifier

from demo.servers import containers, private_postgresql
from demo.servers.missing import MissingServer, ServersMissing
from demo.servers.naming import sandbox_name
from demo.servers.source import Source

VARIABLE = "MAILROOM_DATABASE_URL"

#: The usual defaults: as the user running this, as `postgres`, over TCP (trust), over Debian's socket (peer).
LOCALHOST_URLS = (
    "postgresql://localhost:5432/postgres",
    "postgresql://postgres@localhost:5432/postgres",
    "postgresql:///postgres?host=/var/run/postgresql&port=5432",
    "postgresql://postgres@/postgres?host=/var/run/postgresql&port=5432",
)

WAYS = (
    f"{VARIABLE}=postgresql://USER:PASSWORD@HOST:PORT/postgres, whose role may create databases and roles",
    "a PostgreSQL server on localhost:5432 that lets you in without a password (trust or peer)",
    "a Docker engine that answers and has or can pull the image " + containers.POSTGRESQL_IMAGE,
    "the programs initdb, postgres and pg_ctl on PATH (Debian: apt install postgresql)",
)

_NOT_A_URL = "it is not of the form postgresql://USER:PASSWORD@HOST:PORT/DATABASE"

_STATEMENTS: dict[str, str] = dict(
    re.findall(
        r"^-- name: (\w+)\n((?:(?!^-- name: ).*\n?)*)",
        resources.files(__package__).joinpath("postgresql.sql").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
)


@dataclass(frozen=True, slots=True)
class PostgresqlServer:
    """A PostgreSQL server that databases can be made on.

    Attributes:
        url: of its maintenance database, for a role that may create databases and roles.
        found: where it comes from, in words.
    """

    url: str
    found: str

    @contextmanager
    def fresh_database(self, purpose: str, template: str = "template0") -> Iterator[str]:
        """Have a database of one's own; it and the roles named after it vanish at the end.

        Args:
            purpose: goes into its name, `mailroom_<purpose>_<8 hex digits>`.
            template: name of the database it is a copy of; nobody may be connected to that one.

        Yields:
            The URL of the database, empty unless the template is not.
        """
        database = sandbox_name(purpose)
        names = {"database": Identifier(database), "template": Identifier(template)}
        try:
            with _connected(self.url) as connection:
                connection.execute(SQL(_STATEMENTS["create_database"]).format(**names))
            yield with_database(self.url, database)
        finally:
            self._drop(database)

    def _drop(self, database: str) -> None:
        with _connected(self.url) as connection:
            connection.execute(SQL(_STATEMENTS["drop_database"]).format(database=Identifier(database)))
            for (role,) in connection.execute(
                _STATEMENTS["roles_of_database"], {"database": database}
            ).fetchall():
                connection.execute(SQL(_STATEMENTS["drop_role"]).format(role=Identifier(role)))


@contextmanager
def find_postgresql(environment: Mapping[str, str]) -> Iterator[PostgresqlServer]:
    """Have a PostgreSQL server from the first of the four ways that gives one (contracts, section 2).

    Args:
        environment: read for `MAILROOM_DATABASE_URL` and `PATH`.

    Yields:
        The server; one that was started for this is stopped and removed afterwards.

    Raises:
        ServersMissing: no way gives one, or `MAILROOM_DATABASE_URL` is set and can't be used.
        ServerFailed: a private server did not start.
    """
    with locate_postgresql(environment).open() as server:
        yield server


def locate_postgresql(environment: Mapping[str, str]) -> Source[PostgresqlServer]:
    """Choose where PostgreSQL is to come from, without starting anything.

    Raises:
        ServersMissing: as `find_postgresql`.
    """
    if given := environment.get(VARIABLE):
        if refusal := why_unusable(given):
            raise ServersMissing([missing(f"{VARIABLE} is set, but {refusal}. Correct or unset it.")])
        return _running(given, VARIABLE)
    for url in LOCALHOST_URLS:
        if why_unusable(url) is None:
            return _running(url, "localhost:5432")
    if containers.can_run(containers.POSTGRESQL_IMAGE, environment):
        return Source(lambda: _started(containers.postgresql(), "a container on the Docker engine"))
    if (folder := private_postgresql.program_folder(environment)) is not None:
        return Source(lambda: _started(private_postgresql.started(folder), f"a private server ({folder})"))
    raise ServersMissing(
        [missing(f"{VARIABLE} is not set, none answers on localhost:5432, no Docker engine, no programs.")]
    )


def missing(reason: str) -> MissingServer:
    """Say that there is no PostgreSQL, why, and what to provide."""
    return MissingServer("PostgreSQL", reason, WAYS)


def why_unusable(url: str) -> str | None:
    """Try a server within two seconds.

    Returns:
        None if it lets us in and create databases and roles, else why not: a clause without secrets.
    """
    if not url.startswith(("postgresql://", "postgres://")):
        return _NOT_A_URL
    try:
        with _connected(url) as connection:
            row = connection.execute(_STATEMENTS["may_create"]).fetchone()
    except psycopg.OperationalError as error:
        return f"nothing usable answers there ({' '.join(str(error).split())})"
    except psycopg.ProgrammingError:
        # libpq's own message repeats the whole URL, password included
        return _NOT_A_URL
    if row is None or not row[0]:
        return "its role may not create databases and roles (ALTER ROLE … CREATEDB CREATEROLE)"
    return None


def with_database(url: str, database: str) -> str:
    """Give the URL of another database on the same server.

    Args:
        url: any `postgresql://` URL, also of a socket (`postgresql:///x?host=/folder`).
        database: its name, characters that need no quoting in a URL.
    """
    parts = urlsplit(url)
    query = urlencode([pair for pair in parse_qsl(parts.query) if pair[0] != "dbname"], safe="/")
    # not urlunsplit: it writes an empty host as `postgresql:/x`, which libpq doesn't read
    return f"{parts.scheme}://{parts.netloc}/{database}" + (f"?{query}" if query else "")


def _running(url: str, found: str) -> Source[PostgresqlServer]:
    return Source(lambda: nullcontext(PostgresqlServer(url, found)))


@contextmanager
def _started(server: AbstractContextManager[str], found: str) -> Iterator[PostgresqlServer]:
    with server as url:
        yield PostgresqlServer(url, found)


def _connected(url: str) -> psycopg.Connection:
    return psycopg.connect(url, connect_timeout=2, autocommit=True)
