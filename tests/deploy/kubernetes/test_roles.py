"""The roles that a database in Kubernetes begins with are enough for a migration, and no more."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from demo.servers.missing import ServersMissing
from demo.servers.postgresql import find_postgresql
from services.console.web import project
from shared.database.migrate import migrate
from shared.settings import load_settings
from tests.deploy.kubernetes.overlay import FOLDER, Overlay, copy_folder

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class NewDatabase:
    """A database as the development overlay begins it: roles and logins are there, and nothing else.

    Attributes:
        url: for a superuser.
        passwords: folder with a file for each login.
    """

    url: str
    passwords: Path

    @property
    def name(self) -> str:
        return urlsplit(self.url).path.lstrip("/")

    def login(self, name: str) -> str:
        """Return the URL with which a login connects."""
        parts = urlsplit(self.url)
        _, _, place = parts.netloc.rpartition("@")
        password = (self.passwords / f"{name}_password").read_text("utf-8")
        return parts._replace(netloc=f"{self.name}_{name}:{password}@{place}").geturl()

    def begin(self, overlay: Path) -> None:
        """Run the scripts that the server runs when it starts with an empty volume, named after the database.

        As everywhere, roles are named after the database, so that tests do not meet each other's.
        """
        scripts = (overlay / "migrations.sql", FOLDER / "roles/roles.sql", overlay / "passwords.sql")
        text = "\n".join(script.read_text("utf-8") for script in scripts)
        here = text.replace("mailroom", self.name).replace("/run/secrets/postgresql", str(self.passwords))
        command = ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={self.url}"]
        subprocess.run(command, input=here, text=True, check=True, timeout=30)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[NewDatabase]:
    if shutil.which("psql") is None:
        pytest.skip("psql is not on PATH (Debian: apt install postgresql-client)")
    overlay = copy_folder(tmp_path / "kubernetes") / "overlays" / "development"
    Overlay.make_secrets(overlay)
    try:
        with find_postgresql(os.environ) as server, server.fresh_database("roles") as url:
            database = NewDatabase(url, overlay / "secrets")
            database.begin(overlay)
            yield database
            with psycopg.connect(url, autocommit=True) as connection:
                # what it has granted would keep it from being dropped
                owner = Identifier(f"{database.name}_migrations")
                connection.execute(SQL("DROP OWNED BY {} CASCADE").format(owner))
    except ServersMissing as missing:
        pytest.skip(str(missing))


def test_the_login_for_migrations_migrates_and_may_make_no_roles(database: NewDatabase) -> None:
    url = database.login("migrations")
    assert migrate(url)
    assert migrate(url) == []
    project.migrate(load_settings(None, {"MAILROOM_DATABASE_URL": url}))
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(SQL("CREATE ROLE {}").format(Identifier(f"{database.name}_other")))


def test_each_login_may_do_its_own_work_and_nothing_else(database: NewDatabase) -> None:
    migrate(database.login("migrations"))
    may = {
        "service": ("SELECT FROM mailroom.schedule", "DELETE FROM mailroom.schedule"),
        "queries": ("SELECT FROM mailroom.bot_event", "SELECT FROM mailroom.queue_entry"),
        "web": ("DELETE FROM mailroom.schedule", "DELETE FROM mailroom.bounce_audit"),
    }
    for name, (allowed, refused) in may.items():
        with psycopg.connect(database.login(name), autocommit=True) as connection:
            connection.execute(allowed)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(refused)


def test_the_services_can_see_whether_the_schema_is_there(database: NewDatabase) -> None:
    """The pods' first container asks; until the migration is done it is told no."""
    migrate(database.login("migrations"))
    for name in ("service", "queries", "web"):
        with psycopg.connect(database.login(name)) as connection:
            connection.execute("SELECT FROM mailroom._yoyo_migration")
