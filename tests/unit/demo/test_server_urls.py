"""URLs and names of what a sandbox makes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.servers.naming import sandbox_name
from demo.servers.postgresql import with_database
from demo.servers.rabbitmq import with_virtual_host


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://localhost:5432/postgres", "postgresql://localhost:5432/x"),
        (
            "postgresql://u:p%40w@db.example/a?sslmode=require",
            "postgresql://u:p%40w@db.example/x?sslmode=require",
        ),
        ("postgresql:///postgres?host=/run/pg&port=5432", "postgresql:///x?host=/run/pg&port=5432"),
        ("postgresql://postgres@/postgres?host=/run/pg", "postgresql://postgres@/x?host=/run/pg"),
        ("postgresql://localhost?dbname=postgres", "postgresql://localhost/x"),
    ],
)
def test_another_database_on_the_same_server_keeps_all_else_of_the_url(url: str, expected: str) -> None:
    assert with_database(url, "x") == expected


def test_another_virtual_host_applies_to_every_server_of_a_cluster() -> None:
    cluster = "amqp://u:p@one:5672/,amqps://u:p@two:5671/%2F?heartbeat=10"
    assert with_virtual_host(cluster, "x") == "amqp://u:p@one:5672/x,amqps://u:p@two:5671/x?heartbeat=10"


@given(st.text())
def test_any_purpose_makes_a_name_that_leaves_room_for_a_role_suffix(purpose: str) -> None:
    name = sandbox_name(purpose)
    assert re.fullmatch(r"mailroom_[a-z0-9_]*_[0-9a-f]{8}", name)
    assert len(f"{name}_reports") <= 63


def test_a_name_tells_its_purpose_and_is_never_the_same() -> None:
    assert sandbox_name("NDR worker").startswith("mailroom_ndr_worker_")
    assert sandbox_name("demo") != sandbox_name("demo")
