"""Without servers the demo says what to provide; nothing is started and nothing is waited for."""

from pathlib import Path

import pytest

from demo.servers import (
    ServersMissing,
    find_postgresql,
    find_rabbitmq,
    private_postgresql,
    private_rabbitmq,
    sandbox,
)
from demo.servers.free_port import free_ports


@pytest.fixture
def closed(tmp_path: Path) -> dict[str, str]:
    """URLs pointing at closed ports, and no programs on PATH."""
    database_port, amqp_port = free_ports(2)
    return {
        "MAILROOM_DATABASE_URL": f"postgresql://someone:secret@127.0.0.1:{database_port}/postgres",
        "MAILROOM_AMQP_URL": f"amqp://someone:secret@127.0.0.1:{amqp_port}/",
        "PATH": str(tmp_path),
    }


def test_one_message_names_both_missing_servers_and_all_ways_to_provide_them(closed: dict[str, str]) -> None:
    with pytest.raises(ServersMissing) as caught, sandbox("nothing", closed):
        pytest.fail("entered a sandbox without servers")
    message = str(caught.value)
    assert message.count("is missing:") == 2
    for word in (
        "MAILROOM_DATABASE_URL is set",
        "MAILROOM_AMQP_URL is set",
        "Docker engine",
        "initdb",
        "rabbitmq-server",
    ):
        assert word in message
    assert [server.product for server in caught.value.servers] == ["PostgreSQL", "RabbitMQ"]
    assert all(len(server.ways) == 4 for server in caught.value.servers)


def test_the_message_says_where_nothing_answers_but_no_password(closed: dict[str, str]) -> None:
    with pytest.raises(ServersMissing) as caught, sandbox("nothing", closed):
        pytest.fail("entered a sandbox without servers")
    message = str(caught.value)
    assert closed["MAILROOM_AMQP_URL"].rpartition("@")[2].rstrip("/") in message
    assert "secret" not in message


def test_a_variable_that_is_set_is_never_passed_over(closed: dict[str, str]) -> None:
    with pytest.raises(ServersMissing, match="MAILROOM_DATABASE_URL is set, but"), find_postgresql(closed):
        pytest.fail("fell through to another server")
    with pytest.raises(ServersMissing, match="MAILROOM_AMQP_URL is set, but"), find_rabbitmq(closed):
        pytest.fail("fell through to another server")


@pytest.mark.parametrize(
    "url", ["mysql://root:secret@localhost/", "localhost:5432", "postgresql://[::1:secret/x"]
)
def test_what_is_no_postgresql_url_is_refused_with_the_accepted_form(url: str) -> None:
    with (
        pytest.raises(ServersMissing, match="not of the form postgresql://") as caught,
        find_postgresql({"MAILROOM_DATABASE_URL": url}),
    ):
        pytest.fail("accepted it")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://root:secret@localhost/", "localhost:5672", "amqp://[::1:secret/x", "amqp://h:x/"]
)
def test_what_is_no_amqp_url_is_refused_with_the_accepted_form(url: str) -> None:
    with (
        pytest.raises(ServersMissing, match="not of the form amqp://") as caught,
        find_rabbitmq({"MAILROOM_AMQP_URL": url}),
    ):
        pytest.fail("accepted it")
    assert "secret" not in str(caught.value)


def test_programs_count_only_when_they_are_on_path(tmp_path: Path) -> None:
    assert private_postgresql.program_folder({"PATH": str(tmp_path)}) is None
    assert private_postgresql.program_folder({}) is None
    assert private_rabbitmq.find_programs({"PATH": str(tmp_path)}) is None
    assert private_rabbitmq.find_programs({}) is None


def test_postgresqls_programs_are_found_behind_a_link_on_path(tmp_path: Path) -> None:
    real, linked = tmp_path / "lib", tmp_path / "bin"
    real.mkdir()
    linked.mkdir()
    for program in ("initdb", "postgres", "pg_ctl"):
        (real / program).touch(mode=0o755)
    (linked / "initdb").symlink_to(real / "initdb")
    assert private_postgresql.program_folder({"PATH": str(linked)}) == real


def test_rabbitmqs_programs_are_taken_from_behind_debians_wrapper(tmp_path: Path) -> None:
    real, linked = tmp_path / "lib", tmp_path / "bin"
    real.mkdir()
    linked.mkdir()
    (real / "wrapper").touch(mode=0o755)
    for program in ("rabbitmq-server", "rabbitmqctl"):
        (real / program).touch(mode=0o755)
        (linked / program).symlink_to(real / "wrapper")
    (linked / "epmd").touch(mode=0o755)
    programs = private_rabbitmq.find_programs({"PATH": str(linked)})
    assert programs == private_rabbitmq.Programs(
        str(real / "rabbitmq-server"), str(real / "rabbitmqctl"), str(linked / "epmd")
    )
