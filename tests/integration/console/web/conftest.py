"""The web console on a database of each test module's own, visited without a server in between."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_configured
from django.test.utils import setup_test_environment

from demo.servers.postgresql import PostgresqlServer
from demo.servers.rabbitmq import Broker
from services.console.web import project
from shared.database.migrate import migrate
from shared.settings import Settings, load_settings
from tests.integration.conftest import environment

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright runs a loop in the tests' thread


@pytest.fixture(scope="module")
def console_database_url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    """A database with Mailroom's schema."""
    with postgresql_server.fresh_database("test") as url:
        migrate(url)
        yield url


@pytest.fixture(scope="module")
def console(console_database_url: str, virtual_host: Broker) -> Iterator[Settings]:
    """Django set up for this module's database; gives Mailroom's settings."""
    variables = environment(console_database_url, virtual_host, MAILROOM_DATABASE_URL=console_database_url)
    settings = load_settings(None, variables)
    if django_configured.configured:
        project.point_at(settings)
    else:
        project.set_up(settings)
        setup_test_environment()  # keeps what a page was made from, for a test to look at
    project.migrate(settings)
    yield settings
    from django.db import connections

    connections.close_all()


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
