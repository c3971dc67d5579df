"""Sandboxes on real servers: usable while they last, and nothing left of them."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlencode

import pika
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from demo.servers import find_postgresql, find_rabbitmq, private_postgresql, private_rabbitmq, sandbox
from demo.servers.postgresql import PostgresqlServer, why_unusable
from demo.servers.rabbitmq import RabbitmqServer
from demo.servers.rabbitmq import why_unusable as why_amqp_unusable
from demo.servers.virtual_hosts import ManagementApi, VirtualHostRefused

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresqlServer]:
    with find_postgresql(os.environ) as server:
        yield server


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[RabbitmqServer]:
    with find_rabbitmq(os.environ) as server:
        yield server


def databases_and_roles(server: PostgresqlServer, prefix: str) -> list[tuple[str]]:
    with psycopg.connect(server.url) as connection:
        return connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %(p)s)"
            " UNION ALL SELECT rolname FROM pg_roles WHERE starts_with(rolname, %(p)s)",
            {"p": prefix},
        ).fetchall()


def database_of(url: str) -> str:
    return str(conninfo_to_dict(url)["dbname"])


def test_a_database_vanishes_with_its_roles_and_open_connections(postgresql: PostgresqlServer) -> None:
    with postgresql.fresh_database("vanish") as url:
        connection = psycopg.connect(url, autocommit=True)
        name = connection.info.dbname
        connection.execute(SQL("CREATE ROLE {}").format(Identifier(f"{name}_owner")))
        connection.execute(SQL("CREATE TABLE t ()"))
        connection.execute(SQL("ALTER TABLE t OWNER TO {}").format(Identifier(f"{name}_owner")))
        assert len(databases_and_roles(postgresql, name)) == 2
    assert databases_and_roles(postgresql, name) == []
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()


def test_a_database_vanishes_when_its_user_fails(postgresql: PostgresqlServer) -> None:
    names: list[str] = []

    def fail(url: str) -> None:
        names.append(database_of(url))
        assert len(databases_and_roles(postgresql, names[0])) == 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), postgresql.fresh_database("failure") as url:
        fail(url)
    assert databases_and_roles(postgresql, names[0]) == []


def test_databases_on_one_server_are_strangers(postgresql: PostgresqlServer) -> None:
    with postgresql.fresh_database("same") as one, postgresql.fresh_database("same") as other:
        assert one != other
        assert why_unusable(one) is None
        assert why_unusable(other) is None


def test_a_role_that_may_not_create_databases_is_no_use(postgresql: PostgresqlServer) -> None:
    with postgresql.fresh_database("rights") as url, psycopg.connect(url, autocommit=True) as connection:
        role = f"{connection.info.dbname}_worker"
        connection.execute(SQL("CREATE ROLE {}").format(Identifier(role)))
        as_role = ("&" if "?" in url else "?") + urlencode({"options": f"-c role={role}"}, quote_via=quote)
        refusal = why_unusable(url + as_role)
    assert refusal is not None
    assert "may not create databases" in refusal


def test_a_virtual_host_is_ones_own_and_vanishes(rabbitmq: RabbitmqServer) -> None:
    with rabbitmq.fresh_broker("vanish") as broker:
        if broker.amqp_url == rabbitmq.amqp_url:
            pytest.skip("this server's virtual hosts can't be made from here")
        assert broker.prefix == "mailroom"
        connection = pika.BlockingConnection(pika.URLParameters(broker.amqp_url))
        connection.channel().queue_declare("mailroom.q", durable=True)
        connection.close()
    refusal = why_amqp_unusable(broker.amqp_url)
    assert refusal is not None
    assert "not found" in refusal


class Unwilling:
    """Stands for a server where one may not make virtual hosts."""

    def create(self, _name: str, _user: str) -> None:
        raise VirtualHostRefused("no")

    def delete(self, _name: str) -> None:
        raise VirtualHostRefused("no")


def test_without_virtual_hosts_a_prefix_of_ones_own_is_swept_at_the_end(rabbitmq: RabbitmqServer) -> None:
    def declared_names(prefix: str) -> tuple[list[str], list[str]]:
        return [f"{prefix}.q"], [f"{prefix}.x", f"{prefix}.never-declared"]

    poor = replace(rabbitmq, virtual_hosts=(Unwilling(),))
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq.amqp_url))
    try:
        with poor.fresh_broker("prefix", declared_names) as broker:
            assert broker.amqp_url == rabbitmq.amqp_url
            assert broker.prefix.startswith("mailroom_prefix_")
            channel = connection.channel()
            channel.queue_declare(f"{broker.prefix}.q", durable=True)
            channel.exchange_declare(f"{broker.prefix}.x", durable=True)
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="NOT_FOUND"):
            connection.channel().queue_declare(f"{broker.prefix}.q", passive=True)
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="NOT_FOUND"):
            connection.channel().exchange_declare(f"{broker.prefix}.x", passive=True)
    finally:
        connection.close()


def test_a_virtual_host_made_on_another_broker_is_removed_and_not_used(rabbitmq: RabbitmqServer) -> None:
    made: list[str] = []

    class Elsewhere:
        def create(self, name: str, _user: str) -> None:
            made.append(name)

        def delete(self, name: str) -> None:
            made.remove(name)

    with replace(rabbitmq, virtual_hosts=(Elsewhere(),)).fresh_broker("elsewhere") as broker:
        assert broker.amqp_url == rabbitmq.amqp_url
    assert made == []


def test_a_management_api_that_is_not_there_does_not_answer() -> None:
    assert not ManagementApi("127.0.0.1", 1, "guest", "guest").answers()


def test_a_sandbox_says_where_its_servers_come_from() -> None:
    with sandbox("words") as place:
        assert why_unusable(place.database_url) is None
        assert why_amqp_unusable(place.amqp_url) is None
        assert place.postgresql_from
        assert place.rabbitmq_from


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_process_leaves_nothing(postgresql: PostgresqlServer, number: signal.Signals) -> None:
    program = (
        "import signal, sys\n"
        "from demo.servers import sandbox\n"
        # a background job's children inherit SIGINT ignored
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))\n"
        "with sandbox('interrupted') as place:\n"
        "    print(place.database_url, place.amqp_url, flush=True)\n"
        "    signal.pause()\n"
    )
    with subprocess.Popen(  # our own program
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        database_url, amqp_url = process.stdout.readline().split()
        assert why_unusable(database_url) is None
        process.send_signal(number)
        try:
            assert process.wait(timeout=60) != 0
        finally:
            process.terminate()
    assert databases_and_roles(postgresql, database_of(database_url)) == []
    if amqp_url.rpartition("/")[2]:
        assert why_amqp_unusable(amqp_url) is not None


def test_a_private_postgresql_vanishes() -> None:
    folder = private_postgresql.program_folder(os.environ)
    if folder is None:
        pytest.skip("PostgreSQL's programs are not installed")
    with private_postgresql.started(folder) as url:
        with psycopg.connect(url) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
            assert row is not None
            data = Path(row[0])
        with PostgresqlServer(url, "here").fresh_database("private") as database_url:
            assert why_unusable(database_url) is None
        assert data.exists()
    assert not data.parent.exists()
    assert why_unusable(url) is not None


@pytest.mark.timeout(400)
def test_a_private_rabbitmq_vanishes_with_its_name_server() -> None:
    programs = private_rabbitmq.find_programs(os.environ)
    if programs is None:
        pytest.skip("RabbitMQ's programs are not installed")
    before = children_named("epmd")
    with private_rabbitmq.started(programs, os.environ, lambda url: why_amqp_unusable(url) is None) as (
        amqp_url,
        control,
    ):
        assert len(children_named("epmd")) == len(before) + 1
        with RabbitmqServer(amqp_url, "here", (control,)).fresh_broker("private") as broker:
            assert broker.amqp_url != amqp_url
            assert why_amqp_unusable(broker.amqp_url) is None
    assert why_amqp_unusable(amqp_url) is not None
    assert children_named("epmd") == before


def children_named(program: str) -> list[str]:
    pgrep = shutil.which("pgrep")
    if pgrep is None:
        pytest.skip("pgrep is not installed")
    command = [pgrep, "-x", "-P", str(os.getpid()), program]
    found = subprocess.run(command, capture_output=True, check=False, text=True)  # fixed words
    return found.stdout.split()
