"""Servers for the tests that run what is deployed: the integration tests' own."""

from tests.integration.conftest import (
    broker,
    database_url,
    fresh_database_url,
    migrated_databases,
    postgresql_server,
    rabbitmq_server,
    virtual_host,
)

__all__ = [
    "broker",
    "database_url",
    "fresh_database_url",
    "migrated_databases",
    "postgresql_server",
    "rabbitmq_server",
    "virtual_host",
]
