"""`mailroom db`: the schema, what is in it, and the sample data."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Annotated

import psycopg
import typer
from psycopg.rows import class_row

from services.console.commands.moments import read_moment
from services.console.output import AsJson, print_json, print_table
from services.console.progress import Progress, progress_bar
from services.console.sample_data import load
from services.console.web import project
from services.scheduler import housekeeping
from services.scheduler.housekeeping import Housekeeping
from services.scheduler.retention import cutoffs
from shared.database import migrate as migrations
from shared.database.schema import SchemaOutdated, missing_migrations
from shared.database.statements import load_statements
from shared.settings import Settings, load_settings

_STATEMENTS = load_statements("services.console.commands", "database.sql")
#: The sample is made in memory, about 10,000 events at a time.
_LARGEST_SCALE = 100

app = typer.Typer(no_args_is_help=True, help="The database schema and the sample data.")


@dataclass(frozen=True, slots=True)
class Partition:
    """A month of `bot_event`, or the partition for events of no other; its size with its indexes."""

    name: str
    rows: int
    octets: int


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """Which migrations a database has and lacks, and how many rows; no counts while any are missing."""

    applied: list[str]
    missing: list[str]
    rows: dict[str, int]
    partitions: list[Partition]


@app.command("migrate")
def migrate(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Apply the migrations that are missing, Mailroom's and the web console's."""
    settings = load_settings(context.obj)
    applied = [*migrations.migrate(settings.database_url), *project.migrate(settings)]
    if as_json:
        print_json({"applied": applied})
    else:
        print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


@app.command("status")
def status(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show the migrations applied and missing, how many rows there are, and the partitions of events."""
    settings = load_settings(context.obj)
    with psycopg.connect(settings.database_url) as connection:
        found = read_status(connection)
    if not found.missing:
        found = _with_console(found, settings)
    if as_json:
        print_json(found)
        return
    for name in found.applied:
        print(f"applied  {name}")
    for name in found.missing:
        print(f"missing  {name}")
    for table, count in found.rows.items():
        print(f"{table:20} {count:>10}")
    for partition in found.partitions:
        print(f"{partition.name:20} {partition.rows:>10} {partition.octets / 2**20:>10.1f} MiB")


@app.command("prune")
def prune(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be removed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what is older than the settings say, as the scheduler does by itself."""
    settings = load_settings(context.obj)
    with (
        psycopg.connect(settings.database_url, autocommit=True) as connection,
        progress_bar("old rows", "rows removed") as progress,
    ):
        _require_schema(connection)
        horizon = housekeeping.clock(connection)
        old = cutoffs(horizon, settings, housekeeping.expiry(connection))
        work = Housekeeping(connection, old, note=_adding_up(progress))
        removed = work.preview() if dry_run else work.run()
    if as_json:
        told = {each.name: getattr(removed, each.name) for each in fields(removed)}
        print_json({"dry_run": dry_run, "cutoffs": old, **told})
        return
    older_than = {**old.rows, "bot_event": old.events, "bot_message": old.events}
    print_table(
        ("table", "older than", "would be removed" if dry_run else "removed"),
        [
            (table, older_than.get(table) or "kept for ever", removed.rows[table])
            for table in housekeeping.TABLES
        ],
    )
    print(f"events {'to expire' if dry_run else 'expired'}: {removed.expired}")
    print(f"months {'to make' if dry_run else 'made'}: {removed.months_created}")
    print(f"months {'to drop' if dry_run else 'dropped'}: {_months(removed.months_dropped)}")
    if not removed.whole:
        print("Some events are in use; run it again, or leave it to the scheduler.")


@app.command("load-sample")
def load_sample(
    context: typer.Context,
    *,
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 2026,
    scale: Annotated[float, typer.Option(help="Multiplies events and bounces.")] = 1.0,
    now: Annotated[str | None, typer.Option(help="Nominal time, RFC 3339; default: this minute.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Empty the monitoring and bounce tables first.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fill the database with a small Exchange estate, its events, and a bounce queue."""
    nominal = _nominal_time(now)
    if not 0 < scale <= _LARGEST_SCALE:
        raise typer.BadParameter(
            f"{scale} is not more than 0 and at most {_LARGEST_SCALE}", param_hint="--scale"
        )
    with (
        psycopg.connect(_database_url(context), autocommit=True) as connection,
        progress_bar("sample data", "rows") as progress,
    ):
        _require_schema(connection)
        counts = load.load_sample(
            connection, seed=seed, scale=scale, now=nominal, replace=replace, progress=progress
        )
    if as_json:
        print_json({"seed": seed, "scale": scale, "now": nominal, **asdict(counts)})
        return
    for name, count in asdict(counts).items():
        print(f"{name.replace('_', ' '):20} {count:>10}")


def read_status(connection: psycopg.Connection[tuple[object, ...]]) -> DatabaseStatus:
    """Read which migrations a database has and how many rows; works on one that was never migrated."""
    missing = missing_migrations(connection)
    applied: list[str] = []
    rows: dict[str, int] = {}
    partitions: list[Partition] = []
    with connection.cursor() as cursor:
        if cursor.execute(_STATEMENTS["has_bookkeeping"]).fetchone() == (True,):
            applied = [str(name) for (name,) in cursor.execute(_STATEMENTS["applied"])]
        if not missing:
            rows = {str(table): int(str(count)) for table, count in cursor.execute(_STATEMENTS["count_rows"])}
            with connection.cursor(row_factory=class_row(Partition)) as of_partitions:
                partitions = of_partitions.execute(_STATEMENTS["partitions"]).fetchall()
    return DatabaseStatus(applied, missing, rows, partitions)


def _adding_up(progress: Progress) -> Callable[[str, int], None]:
    """Tell of each batch how many rows that makes in all."""
    done: Counter[str] = Counter()

    def note(table: str, rows: int) -> None:
        done[table] += rows
        progress(done.total(), None)

    return note


def _months(months: list[datetime]) -> str:
    return ", ".join(f"{month:%Y-%m}" for month in months) or "none"


def _with_console(found: DatabaseStatus, settings: Settings) -> DatabaseStatus:
    """Add the web console's migrations."""
    project.set_up(settings)
    from services.console.web import schema  # noqa: PLC0415 - it needs Django set up

    return replace(
        found,
        applied=[*found.applied, *schema.applied_migrations()],
        missing=schema.missing_migrations(),
    )


def _database_url(context: typer.Context) -> str:
    return load_settings(context.obj).database_url


def _nominal_time(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC).replace(second=0, microsecond=0)
    return read_moment(text, "--now")


def _require_schema(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    missing = missing_migrations(connection)
    if missing:
        raise SchemaOutdated(f"the database lacks {', '.join(missing)}; run `mailroom db migrate` first")
