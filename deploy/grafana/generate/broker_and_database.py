"""RabbitMQ and PostgreSQL: as Mailroom sees them, and as they tell themselves."""

from collections.abc import Iterator

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.generate import alerts
from deploy.grafana.generate.page import Panel, choice, page, text
from deploy.grafana.generate.panels import flag, graph, number, row
from deploy.grafana.generate.queries import RELAY, Query, count, per_second, quantiles, series, total

_IN_DOUBT = series("mailroom_mail_in_doubt", RELAY)
_CHOSEN = 'queue=~"$queue"'
#: RabbitMQ's own metrics name a queue with Mailroom's prefix.
_QUEUES = 'queue=~"$prefix\\\\..+"'
_DATABASE = 'datname=~"$database"'


def dashboard() -> Dashboard:
    """Build it."""
    return page(
        "broker and database",
        "Whether commands flow, what was retried or parked, and how RabbitMQ and PostgreSQL fare.",
        [
            *_now(),
            row("Commands"),
            *_commands(),
            row("Publishing"),
            *_publishing(),
            row("RabbitMQ, as it tells itself"),
            *_rabbitmq(),
            row("Rows removed because of their age"),
            *_retention(),
            row("PostgreSQL, as postgres_exporter tells"),
            *_postgresql(),
        ],
        variables=[
            choice("queue", "Queue", "label_values(mailroom_commands_consumed_total, queue)"),
            text("prefix", "Prefix of queues on RabbitMQ", "mailroom"),
            choice("database", "Database", "label_values(pg_database_size_bytes, datname)"),
        ],
    )


def broker_blocked(width: int = 4) -> Panel:
    """Tell whether the broker takes messages."""
    return flag(
        "Broker",
        "max(mailroom_broker_blocked)",
        meaning="Whether it takes messages from every service, or is low on memory or disk.",
        good=(0, "takes messages"),
        bad=(1, "blocked"),
        alert=alerts.BROKER_BLOCKED,
        width=width,
    )


def database(width: int = 4) -> Panel:
    """Tell whether the database answers."""
    return flag(
        "Database",
        # NaN, which the relay tells while the database does not answer, does not equal itself
        f"min({_IN_DOUBT} == bool {_IN_DOUBT})",
        meaning="Whether it answers every relay.",
        good=(1, "answers"),
        bad=(0, "does not answer"),
        alert=alerts.DATABASE_AWAY,
        width=width,
    )


def parked(leads_to: str = "", width: int = 4) -> Panel:
    """Tell how many messages are parked."""
    return number(
        "Parked",
        "max(mailroom_queue_depth{queue='parked'})",
        meaning="Messages that wait until somebody replays or discards them.",
        alert=alerts.MESSAGES_PARKED,
        leads_to=leads_to,
        width=width,
    )


def _now() -> Iterator[Panel]:
    yield flag(
        "Connected to the broker",
        'min(max by (job) (mailroom_broker_connected{job=~"mailroom-.+", job!="mailroom-console"}))',
        meaning="Whether at least one replica of every service is; the console is only while it publishes.",
        good=(1, "all"),
        bad=(0, "not all"),
        alert=alerts.BROKER_AWAY,
    )
    yield broker_blocked()
    yield database()
    yield parked()
    yield number(
        "Events dropped",
        total("mailroom_events_dropped_total"),
        meaning="Events that were not published, because the broker took none, in the time shown.",
        alert=alerts.EVENTS_DROPPED,
    )
    yield _alarm()


def _alarm() -> Panel:
    memory, disk = (f"max(rabbitmq_alarms_{what}_watermark)" for what in ("memory_used", "free_disk_space"))
    return flag(
        "Alarms of RabbitMQ",
        f"clamp_max({memory} + {disk}, 1)",
        meaning="While it is low on memory or disk, it takes no messages.",
        good=(0, "none"),
        bad=(1, "memory or disk"),
    )


def _commands() -> Iterator[Panel]:
    consumed = "mailroom_commands_consumed_total"
    yield graph(
        "Messages taken, by queue and outcome",
        Query(per_second(series(consumed, _CHOSEN), "queue, outcome"), "{{queue}} {{outcome}}"),
        meaning="What workers and relay took from their queues, and what became of it.",
        unit="ops",
    )
    yield graph(
        "Time for a message, by queue",
        *quantiles("mailroom_command_duration_seconds", _CHOSEN, by="queue"),
        meaning="Time a worker took over a message.",
        unit="s",
    )
    yield graph(
        "Retries, by queue",
        Query(count(series(consumed, _CHOSEN, 'outcome="retried"'), "queue"), "{{queue}}"),
        meaning="Messages that were sent to a retry queue.",
        bars=True,
        width=8,
    )
    yield graph(
        "Parked since start, by reason",
        Query(_by("queue, reason", series("mailroom_parked_total", _CHOSEN)), "{{queue}} {{reason}}"),
        meaning="Since the workers that run now started. Reason: the class of the failure.",
        width=8,
    )
    yield graph(
        "Ready, by queue",
        Query("max by (queue) (mailroom_queue_depth)", "{{queue}}"),
        meaning="Messages that nobody has in hand, those that wait for a retry or are parked included.",
        width=8,
    )


def _publishing() -> Iterator[Panel]:
    yield graph(
        "Time until a confirm, by exchange",
        *quantiles("mailroom_publish_confirm_seconds", by="exchange"),
        meaning="From publishing to the broker's confirm.",
        unit="s",
    )
    yield graph(
        "Messages confirmed, by exchange",
        Query(per_second("mailroom_publish_confirm_seconds_count", "exchange"), "{{exchange}}"),
        meaning="Messages that services published and the broker confirmed.",
        unit="ops",
    )
    yield graph(
        "Broker blocked, by service",
        Query("max by (job, instance) (mailroom_broker_blocked)", "{{job}} {{instance}}"),
        meaning="1 while the broker takes no messages from that service.",
    )
    yield graph(
        "Publishes in progress",
        Query("sum by (job) (mailroom_publishes_in_progress)", "{{job}}"),
        meaning="Publishes that wait for their confirms.",
    )


def _rabbitmq() -> Iterator[Panel]:
    yield graph(
        "Unacknowledged, by queue",
        _by_queue("rabbitmq_detailed_queue_messages_unacked"),
        meaning="Messages that workers have in hand.",
    )
    yield graph(
        "Consumers, by queue",
        _by_queue("rabbitmq_detailed_queue_consumers"),
        meaning="Workers that listen.",
    )
    yield graph(
        "Memory",
        Query("rabbitmq_process_resident_memory_bytes", "{{instance}} used"),
        Query("rabbitmq_resident_memory_limit_bytes", "{{instance}} alarm at"),
        meaning="Above the limit the alarm goes on.",
        unit="bytes",
        width=8,
    )
    yield graph(
        "Disk",
        Query("rabbitmq_disk_space_available_bytes", "{{instance}} free"),
        Query("rabbitmq_disk_space_available_limit_bytes", "{{instance}} alarm at"),
        meaning="Below the limit the alarm goes on.",
        unit="bytes",
        width=8,
    )
    yield graph(
        "Connections and channels",
        Query("rabbitmq_connections", "{{instance}} connections"),
        Query("rabbitmq_channels", "{{instance}} channels"),
        meaning="Of everybody on that node.",
        width=8,
    )


def _by_queue(metric: str) -> Query:
    return Query(_by("queue", series(metric, _QUEUES)), "{{queue}}")


def _retention() -> Iterator[Panel]:
    yield number(
        "Last round",
        "time() - max(mailroom_retention_last_success_timestamp_seconds > 0)",
        meaning="How long ago one came to its end. No value: none is made, or no scheduler answers.",
        unit="s",
        alert=alerts.RETENTION_LATE,
        width=6,
    ).height(8)
    yield graph(
        "Rows removed since start, by table",
        Query(_by("table", "mailroom_rows_pruned_total"), "{{table}}"),
        meaning="Since the schedulers that run now started.",
        width=18,
    )


def _postgresql() -> Iterator[Panel]:
    yield graph(
        "Connections, by state",
        Query(_by("state", _of("pg_stat_activity_count")), "{{state}}"),
        Query("max(pg_settings_max_connections)", "at most"),
        meaning="The limit is that of the whole server.",
        width=8,
    )
    yield graph(
        "Longest transaction",
        Query(f"max by (datname) ({_of('pg_stat_activity_max_tx_duration')})", "{{datname}}"),
        meaning="A transaction that stays open keeps dead rows from being removed.",
        unit="s",
        width=8,
    )
    yield graph(
        "Transactions",
        Query(per_second(_of("pg_stat_database_xact_commit")), "committed"),
        Query(per_second(_of("pg_stat_database_xact_rollback")), "rolled back"),
        meaning="Of the chosen databases.",
        unit="ops",
        width=8,
    )
    yield graph(
        "Size",
        Query(f"max by (datname) ({_of('pg_database_size_bytes')})", "{{datname}}"),
        meaning="On disk.",
        unit="bytes",
        width=8,
    )
    hit, read = per_second(_of("pg_stat_database_blks_hit")), per_second(_of("pg_stat_database_blks_read"))
    yield graph(
        "Blocks found in memory",
        Query(f"{hit} / ({hit} + {read})", "found"),
        meaning="The share of blocks that did not have to be read from disk.",
        unit="percentunit",
        width=8,
    )
    yield graph(
        "Deadlocks",
        Query(per_second(_of("pg_stat_database_deadlocks")), "deadlocks"),
        meaning="One of two transactions that waited for each other was ended.",
        unit="ops",
        width=8,
    )


def _of(metric: str) -> str:
    return series(metric, _DATABASE)


def _by(labels: str, selected: str) -> str:
    return f"sum by ({labels}) ({selected})"
