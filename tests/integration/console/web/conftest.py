"""The web console on a database of each test module's own, visited without a server in between."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_configured
from django.core.signals import setting_changed
from django.db import connections
from django.test.utils import setup_test_environment

from demo.servers.rabbitmq import Broker
from services.console.web import project
from shared.broker.publisher import Publisher
from shared.settings import Settings, load_settings
from tests.migrated import MigratedDatabases
from tests.servers import environment, names_of_ones_own
from tests.waiting import wait_until

#: Slow is what a password's hash has to be, and not what tests are to be.
_FAST_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright runs a loop in the tests' thread


def lead_django_to(settings: Settings) -> None:
    """Set Django up, or where an earlier test module has done so, lead it to another database."""
    project.set_up(settings)
    _prepare_tests()


@cache
def _prepare_tests() -> None:
    """Change what tests want otherwise; once, as an earlier test of a command may have set Django up."""
    setup_test_environment()  # keeps what a page was made from, for a test to look at
    setattr(django_configured, "PASSWORD_HASHERS", _FAST_HASHERS)  # noqa: B010 - the type checker knows no such setting
    setting_changed.send(None, setting="PASSWORD_HASHERS", value=_FAST_HASHERS, enter=True)


@pytest.fixture(scope="session")
def console_databases(
    migrated_databases: MigratedDatabases, virtual_host: Broker
) -> Iterator[MigratedDatabases]:
    """Databases with the console's own schema, too."""
    with migrated_databases.fresh() as url:
        settings = load_settings(None, environment(url, virtual_host, MAILROOM_DATABASE_URL=url))
        lead_django_to(settings)
        project.migrate(settings)
        connections.close_all()
        yield migrated_databases.copies_of(url)


@pytest.fixture(scope="module")
def console(console_databases: MigratedDatabases, virtual_host: Broker) -> Iterator[Settings]:
    """Django set up for this module's database and names on the broker; gives Mailroom's settings."""
    with console_databases.fresh() as url, names_of_ones_own(virtual_host) as broker:
        settings = load_settings(None, environment(url, broker, MAILROOM_DATABASE_URL=url))
        lead_django_to(settings)
        yield settings
        connections.close_all()


@pytest.fixture(scope="module")
def declared(console: Settings) -> None:
    """Every queue is there, as once any service has been connected."""
    publisher = Publisher.of(console, "test")
    publisher.start()
    wait_until(lambda: publisher.connected)
    publisher.stop()


@pytest.fixture(scope="module")
def database(console: Settings) -> Iterator[psycopg.Connection]:
    """What a test looks with; autocommit."""
    with psycopg.connect(console.database_url, autocommit=True) as connection:
        connection.execute("SET search_path = mailroom")
        yield connection


@pytest.fixture
def client_as(console: Settings) -> Callable[[str], Any]:
    """A browser's stand-in, logged in with a role."""
    from django.contrib.auth.models import Group, User
    from django.test import Client

    def log_in(role: str) -> Any:
        user, created = User.objects.get_or_create(username=role, defaults={"is_staff": True})
        if created:
            user.groups.set(Group.objects.filter(name=role))
        client = Client(headers={"host": "localhost"})
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")
        return client

    return log_in
