"""Every setting of Mailroom, with its default and its accepted form.

A setting is read from the environment (`MAILROOM_` + name; sections with a double underscore, as in
`MAILROOM_NDR__QUEUECACHE`), then from `mailroom.toml`, then from the default here.
"""

import socket
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.settings.values import (
    parse_address,
    parse_existing_folder,
    parse_size,
    parse_time_span,
    parse_tuple,
    parse_yes_no,
)

TimeSpan = Annotated[timedelta, BeforeValidator(parse_time_span)]
Size = Annotated[int, BeforeValidator(parse_size)]
YesNo = Annotated[bool, BeforeValidator(parse_yes_no)]
Address = Annotated[str, BeforeValidator(parse_address)]
Folder = Annotated[Path, BeforeValidator(parse_existing_folder)]


def _parse_spans(value: object) -> tuple[timedelta, ...]:
    if isinstance(value, tuple) and all(isinstance(item, timedelta) for item in value):
        return value
    return tuple(parse_time_span(item) for item in parse_tuple(value))


def _url_with_scheme(*schemes: str) -> AfterValidator:
    def check(url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in schemes:
            raise ValueError(
                f"not a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"
            )
        if "\n" in url or "\r" in url:
            raise ValueError("a URL on one line is needed")
        return url

    return AfterValidator(check)


def _split_urls(value: object) -> object:
    return [url.strip() for url in value.split(",") if url.strip()] if isinstance(value, str) else value


PostgresqlUrl = Annotated[str, _url_with_scheme("postgresql", "postgres")]
AmqpUrl = Annotated[str, _url_with_scheme("amqp", "amqps")]
SmtpUrl = Annotated[str, _url_with_scheme("smtp", "smtps", "smtp+starttls")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class BrokerSettings(_Section):
    """How the services use RabbitMQ."""

    #: Delays of the retry ladder, one queue each, shortest first.
    retry_steps: Annotated[
        tuple[timedelta, ...], NoDecode, BeforeValidator(_parse_spans), Field(min_length=1)
    ] = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))
    #: How many publishes may be unconfirmed at once; 1000 is where more brings nothing.
    publish_window: Annotated[int, Field(ge=1, le=10_000)] = 1000
    #: How long one run of publishes may wait for its confirms.
    publish_timeout: TimeSpan = timedelta(seconds=60)


class WorkerSettings(_Section):
    """The runtime of every worker."""

    #: How long work in flight may take to finish after SIGTERM.
    drain_timeout: TimeSpan = timedelta(seconds=30)
    #: How often a failing command is tried before it is parked.
    max_attempts: Annotated[int, Field(ge=1)] = 8


class SchedulerSettings(_Section):
    """The scheduler."""

    #: The most nominal times that a schedule with catch_up = all fires after an outage.
    catch_up_limit: Annotated[int, Field(ge=1)] = 100
    #: A nominal time older than this is never caught up.
    catch_up_age: TimeSpan = timedelta(days=1)
    #: An unpublished firing older than this is published again by whichever scheduler sees it.
    republish_after: TimeSpan = timedelta(seconds=10)


class NdrSettings(_Section):
    """The NDR worker, with the names and defaults of the seed (mailismus-reports-task 4.6.2)."""

    #: Pause after a chain of polls that found entries.
    interval_low: TimeSpan = timedelta(seconds=5)
    #: Pause after a poll that found none; never less than interval_low.
    interval_high: TimeSpan = timedelta(minutes=1)
    #: Pause after a poll that failed; never less than interval_high.
    interval_error: TimeSpan = timedelta(minutes=3)
    #: Pause between the scheduler's start and the first poll.
    delay_start: TimeSpan = timedelta(minutes=1)
    #: The most queue entries of one batch.
    queuecache: Annotated[Size, Field(ge=1)] = 100
    #: N: bounced messages are discarded, audited, without a report to anybody.
    generate_ndr: YesNo = True
    #: Host name in Message-ID and Reporting-MTA; %SYSNAME% is this host's name.
    announcemta: str = "%SYSNAME%"
    #: Address in the From header; default: postmaster@ + announcehost without its first label.
    ndr_from: Address | None = None
    #: Subject of every NDR.
    ndr_subject: Annotated[str, Field(min_length=1)] = "Delivery Failure Report"
    #: Opening words of the first part; %PRODNAME% and %REPMTA% are replaced.
    ndr_textpart: str | None = None
    #: The most octets of the bounced message that are returned; 0: none.
    attachmsg: Size = 4096
    #: Status when neither reply nor queue entry says one.
    ndr_status: Annotated[str, Field(pattern=r"^[245]\.\d{1,3}\.\d{1,3}$")] = "5.0.0"
    #: How long a worker may take over a batch before another one goes on with it.
    lease: TimeSpan = timedelta(minutes=2)
    #: A chain of polls that has not moved for this long is started again.
    chain_lease: TimeSpan = timedelta(minutes=1)
    #: Received headers beyond this many mean a loop.
    hop_limit: Annotated[int, Field(ge=1)] = 100
    #: An NDR not delivered within this time is given up.
    lifetime: TimeSpan = timedelta(days=1)
    #: Batches one worker process has in hand at a time.
    threads: Annotated[int, Field(ge=1, le=32)] = 2

    @model_validator(mode="after")
    def _keep_intervals_in_order(self) -> Self:
        """The seed's rule: high is never below low, error never below high."""
        object.__setattr__(self, "interval_high", max(self.interval_low, self.interval_high))
        object.__setattr__(self, "interval_error", max(self.interval_high, self.interval_error))
        return self


class ReportsSettings(_Section):
    """The report worker."""

    #: A folder of further reports, `NAME.toml` + `NAME.sql`.
    catalogue_path: Folder | None = None
    #: Zone of the times in a mail's body; the CSV is in UTC.
    time_zone: str = "America/Vancouver"
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


class RelaySettings(_Section):
    """The mail relay."""

    #: SMTP connections of one relay process.
    connections: Annotated[int, Field(ge=1, le=100)] = 4
    #: Mails taken over one connection before it is opened anew.
    mails_per_connection: Annotated[int, Field(ge=1)] = 1000
    #: How long an idle connection is kept.
    idle_timeout: TimeSpan = timedelta(seconds=30)
    #: How long the server may take to answer.
    smtp_timeout: TimeSpan = timedelta(minutes=5)
    #: An attempt without a result after this long is in doubt; more than the server may take to answer.
    attempt_lease: TimeSpan = timedelta(minutes=6)


class EventsSettings(_Section):
    """Events for other systems, on the topic exchange `events`."""

    publish: YesNo = False


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
    amqp_url: Annotated[tuple[AmqpUrl, ...], NoDecode, BeforeValidator(_split_urls), Field(min_length=1)] = (
        "amqp://guest:guest@localhost:5672/",
    )
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
    ndr: NdrSettings = NdrSettings()
    reports: ReportsSettings = ReportsSettings()
    relay: RelaySettings = RelaySettings()
    events: EventsSettings = EventsSettings()
