"""Migrating a real database."""

import threading
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from shared.database.connections import DatabaseUnreachable, check_database
from shared.database.migrate import EncodingUnusable, migrate
from shared.database.schema import SchemaOutdated, missing_migrations

pytestmark = pytest.mark.integration


def test_a_second_migration_applies_nothing(fresh_database_url: str) -> None:
    assert migrate(fresh_database_url)[0] == "0001_monitoring"
    assert migrate(fresh_database_url) == []
    check_database(fresh_database_url)


def test_what_a_database_lacks_is_what_a_migration_applies(fresh_database_url: str) -> None:
    with psycopg.connect(fresh_database_url, autocommit=True) as connection:
        missing = missing_migrations(connection)
        assert migrate(fresh_database_url) == missing
        assert missing_migrations(connection) == []


def test_several_processes_migrating_at_once_apply_each_migration_once(fresh_database_url: str) -> None:
    applied: list[str] = []
    threads = [threading.Thread(target=lambda: applied.extend(migrate(fresh_database_url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(applied) == len(set(applied)) >= 4


def test_a_database_that_was_never_migrated_is_told_what_to_do(fresh_database_url: str) -> None:
    with pytest.raises(SchemaOutdated, match="mailroom db migrate"):
        check_database(fresh_database_url)


def test_a_database_that_cannot_hold_every_text_is_refused(fresh_database_url: str) -> None:
    url = urlsplit(fresh_database_url)
    name = f"{url.path.lstrip('/')}_ascii"
    with psycopg.connect(fresh_database_url, autocommit=True) as connection:
        connection.execute(
            SQL("CREATE DATABASE {} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0").format(
                Identifier(name)
            )
        )
        try:
            with pytest.raises(EncodingUnusable, match=f"{name} is encoded as SQL_ASCII; make it anew"):
                migrate(url._replace(path=f"/{name}").geturl())
        finally:
            connection.execute(SQL("DROP DATABASE {}").format(Identifier(name)))


def test_a_database_that_does_not_answer_is_told_by_its_setting() -> None:
    with pytest.raises(DatabaseUnreachable, match="MAILROOM_DATABASE_URL"):
        check_database("postgresql://127.0.0.1:1/mailroom")


def test_every_table_that_is_not_obvious_has_a_comment(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        bare = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'mailroom'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition AND relname NOT LIKE '%yoyo%'"
            " AND obj_description(oid) IS NULL"
        ).fetchall()
    assert {name for (name,) in bare} <= {"yoyo_lock"}


def test_reading_the_head_of_a_large_original_does_not_read_it_all(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO mailroom.spooled_message (sender, content) VALUES ('a@b', %s)", (b"x" * 5_000_000,)
        )

        def blocks(expression: str) -> int:
            (plan,) = connection.execute(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT {expression} FROM mailroom.spooled_message"
            ).fetchone() or ([],)
            return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])

        assert blocks("length(substring(content FROM 1 FOR 4096))") * 50 < blocks("md5(content)")
