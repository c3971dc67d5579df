"""Every setting of Mailroom, with its default and its accepted form.

A setting is read from the environment (`MAILROOM_` + name; sections with a double underscore, as in
`MAILROOM_NDR__QUEUECACHE`), then from `mailroom.toml`, then from the default here.
"""

import socket
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.settings.fields import (
    Age,
    AmqpUrls,
    DomainName,
    Folder,
    HttpUrl,
    PostgresqlUrl,
    Section,
    Size,
    SmtpUrl,
    Spans,
    TimeSpan,
    YesNo,
)
from shared.settings.ndr import DirectorySettings, NdrSettings
from shared.settings.relay import RelaySettings
from shared.settings.values import (
    parse_networks,
    parse_time_zone,
    parse_tuple,
)


class BrokerSettings(Section):
    """How the services use RabbitMQ."""

    #: Delays of the retry ladder, one queue each, shortest first.
    retry_steps: Annotated[Spans, Field(min_length=1)] = (
        timedelta(seconds=10),
        timedelta(minutes=1),
        timedelta(minutes=10),
        timedelta(hours=1),
    )
    #: How many publishes may be unconfirmed at once; 1000 is where more brings nothing.
    publish_window: Annotated[int, Field(ge=1, le=10_000)] = 1000
    #: How many octets of message bodies may be unconfirmed at once.
    publish_window_octets: Annotated[Size, Field(ge=1)] = 8 * 1024**2
    #: How long one run of publishes may wait for its confirms.
    publish_timeout: TimeSpan = timedelta(seconds=60)
    #: How long it may wait besides, while the broker takes no messages or a queue is full.
    blocked_timeout: TimeSpan = timedelta(minutes=10)


class WorkerSettings(Section):
    """The runtime of every worker."""

    #: How long work in flight may take to finish after SIGTERM.
    drain_timeout: TimeSpan = timedelta(seconds=30)
    #: How often a failing command is tried before it is parked.
    max_attempts: Annotated[int, Field(ge=1)] = 8


class SchedulerSettings(Section):
    """The scheduler."""

    #: The most nominal times that a schedule with catch_up = all fires after an outage.
    catch_up_limit: Annotated[int, Field(ge=1)] = 100
    #: A nominal time older than this is never caught up.
    catch_up_age: TimeSpan = timedelta(days=1)
    #: An unpublished firing older than this is published again by whichever scheduler sees it.
    republish_after: TimeSpan = timedelta(seconds=10)


class ReportsSettings(Section):
    """The report worker."""

    #: A folder of further reports, `NAME.toml` + `NAME.sql`.
    catalogue_path: Folder | None = None
    #: Zone of the times in a mail's body; the CSV is in UTC.
    time_zone: Annotated[str, BeforeValidator(parse_time_zone)] = "America/Vancouver"
    #: The most rows shown in a mail's body; the attachment has all.
    body_rows: Annotated[int, Field(ge=0, le=10_000)] = 100
    #: A byte order mark opens the CSV, so that Excel reads it as UTF-8.
    csv_bom: YesNo = True
    #: The most a report query may take.
    statement_timeout: TimeSpan = timedelta(minutes=5)
    #: How long a worker may take over a run before another one goes on with it.
    lease: TimeSpan = timedelta(minutes=10)
    #: The largest attachment as encoded in the mail; beyond it, zipped, and beyond it again, left out.
    attachment_limit: Size = 10 * 1024**2
    #: A larger mail is stored in PostgreSQL and travels as a reference.
    inline_limit: Size = 256 * 1024
    #: A report not delivered within this time is given up.
    lifetime: TimeSpan = timedelta(days=2)
    #: Reports one worker process has in hand at a time.
    threads: Annotated[int, Field(ge=1, le=32)] = 2


class RetentionSettings(Section):
    """How old rows get before the scheduler removes them; 0: they are kept for ever."""

    #: How often old rows are removed, by any one scheduler; 0: never, and no partitions are made.
    interval: Annotated[TimeSpan, Field(le=timedelta(days=1))] = timedelta(hours=1)
    #: Monitoring events, by whole months, once they are also older than exchange__expire_events.
    events: Age = timedelta(days=30)
    #: What became of bounced entries (bounce_audit).
    audit: Age = timedelta(days=90)
    #: Report runs that are finished.
    runs: Age = timedelta(days=90)
    #: Firings of schedules, but each one's latest.
    firings: Age = timedelta(days=90)
    #: Deliveries of mails that are finished for all their recipients; never less than mails live.
    deliveries: Age = timedelta(days=90)
    #: Mails too large for the broker that nobody has fetched; never less than reports live.
    bodies: Age = timedelta(days=30)


class EventsSettings(Section):
    """Events for other systems, on the topic exchange `events`."""

    publish: YesNo = False


class TracingSettings(Section):
    """Traces of what passes through the services, for an OpenTelemetry collector."""

    #: Where traces go, by OTLP over HTTP; without a path, to /v1/traces there; unset: none are made.
    endpoint: HttpUrl | None = None
    #: Share of traces that are kept, 0 to 1; every service keeps the same ones.
    sample_ratio: Annotated[float, Field(ge=0, le=1)] = 1.0
    #: What the services are a part of, beside their own names.
    service_namespace: Annotated[str, Field(min_length=1, max_length=100)] = "mailroom"


class ConsoleSettings(Section):
    """The web console."""

    #: Where people open it; decides its host name, and whether cookies are for https alone.
    url: HttpUrl = "http://localhost:8080"
    #: Address it listens on.
    address: str = "127.0.0.1"
    #: Port it listens on; 0: any free one.
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    #: Further host names it answers to, besides that of `url`.
    hosts: Annotated[tuple[DomainName, ...], NoDecode, BeforeValidator(parse_tuple)] = ()
    #: Addresses or networks of its reverse proxies, whose word about who asked them is taken.
    proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(parse_networks)] = ()
    #: Pages made at a time.
    threads: Annotated[int, Field(ge=1, le=64)] = 8
    #: How long a login lasts without a click.
    session: Annotated[TimeSpan, Field(ge=timedelta(minutes=1))] = timedelta(hours=8)
    #: Failed logins of one name from one address after which it has to pause.
    login_failures: Annotated[int, Field(ge=1)] = 5
    #: How long it has to pause then.
    login_pause: Annotated[TimeSpan, Field(ge=timedelta(seconds=1))] = timedelta(minutes=15)
    #: A first administrator, made when the console starts and has no user yet.
    admin_name: str | None = None
    #: Its password; best given as a file (MAILROOM_CONSOLE__ADMIN_PASSWORD_FILE).
    admin_password: SecretStr | None = None

    @model_validator(mode="after")
    def _need_name_and_password(self) -> Self:
        if (self.admin_name is None) != (self.admin_password is None):
            raise ValueError("a first administrator needs both; set admin_name and admin_password")
        return self


class Settings(BaseSettings):
    """All settings; frozen once read."""

    model_config = SettingsConfigDict(
        env_prefix="MAILROOM_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        validate_default=True,
    )

    database_url: PostgresqlUrl = "postgresql://localhost:5432/mailroom"
    #: Where report queries run; a read replica where there is one.
    reports_database_url: PostgresqlUrl | None = None
    #: Nodes of one cluster, comma-separated; each connection tries them in turn.
    amqp_url: AmqpUrls = ("amqp://guest:guest@localhost:5672/",)
    amqp_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$")] = "mailroom"
    smtp_url: SmtpUrl = "smtp://localhost:25"
    #: /metrics, /livez and /readyz; 0: any free port.
    http_port: Annotated[int, Field(ge=0, le=65535)] = 9464
    #: Address the health and metrics pages listen on.
    http_address: str = "0.0.0.0"  # noqa: S104 - a container's only way to be scraped
    #: This host's full name, for Message-IDs, HELO and Reporting-MTA.
    host_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,253}$")] = Field(
        default_factory=socket.getfqdn
    )
    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    broker: BrokerSettings = BrokerSettings()
    worker: WorkerSettings = WorkerSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    directories: DirectorySettings = DirectorySettings()
    ndr: NdrSettings = NdrSettings()
    reports: ReportsSettings = ReportsSettings()
    relay: RelaySettings = RelaySettings()
    retention: RetentionSettings = RetentionSettings()
    events: EventsSettings = EventsSettings()
    tracing: TracingSettings = TracingSettings()
    console: ConsoleSettings = ConsoleSettings()
