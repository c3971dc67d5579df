"""Every setting of Mailroom, with its default and its accepted form.

A setting is read from the environment (`MAILROOM_` + name; sections with a double underscore, as in
`MAILROOM_NDR__QUEUECACHE`), then from `mailroom.toml`, then from the default here.
"""

import socket
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.settings.values import (
    parse_address,
    parse_addresses,
    parse_existing_folder,
    parse_networks,
    parse_size,
    parse_time_span,
    parse_time_zone,
    parse_tuple,
    parse_yes_no,
)

TimeSpan = Annotated[timedelta, BeforeValidator(parse_time_span)]
#: A time limit; one of nothing would end every step before it began.
StepTime = Annotated[TimeSpan, Field(ge=timedelta(milliseconds=1), le=timedelta(days=1))]
Size = Annotated[int, BeforeValidator(parse_size)]
YesNo = Annotated[bool, BeforeValidator(parse_yes_no)]
Address = Annotated[str, BeforeValidator(parse_address)]
Folder = Annotated[Path, BeforeValidator(parse_existing_folder)]
DomainName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=253)]


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


#: The value of ndr_recip_redirect that means nobody.
SINK = "."
Rotation = Literal["never", "minute", "hourly", "daily", "weekly", "monthly", "yearly"]


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _parse_redirect(value: object) -> str | None:
    """An address, the sink, or nothing."""
    if value is None or value == "":
        return None
    return SINK if value == SINK else parse_address(value)


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
    #: How many octets of message bodies may be unconfirmed at once.
    publish_window_octets: Annotated[Size, Field(ge=1)] = 8 * 1024**2
    #: How long one run of publishes may wait for its confirms.
    publish_timeout: TimeSpan = timedelta(seconds=60)
    #: How long it may wait besides, while the broker takes no messages or a queue is full.
    blocked_timeout: TimeSpan = timedelta(minutes=10)


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


class DirectorySettings(_Section):
    """What the tokens %DIRTOP%, %DIRCONF%, %DIRVAR%, %DIRLOG% and %DIRTMP% in paths stand for (seed 2.7)."""

    top: Path = Path()
    conf: Path = Path("conf")
    var: Path = Path("var")
    log: Path = Path("var/logs")
    tmp: Path = Path("var/tmp")


class NdrSettings(_Section):
    """The NDR worker, with the names and defaults of the seed (mailismus-reports-task 4.6.2)."""

    #: Audit log, a path with tokens such as %DIRLOG%/audit/Y%Y%/bounced-%DT%.log; without it, no file.
    audit: str | None = None
    #: When the audit log goes on in a new file.
    audit_rot: Annotated[Rotation, BeforeValidator(_lower)] = "never"
    #: Size past which the audit log goes on in a new file; replaces audit_rot; 0: no limit.
    audit_maxfile: Size = 0
    #: Octets of audit lines kept before they are written; all are written before their entries are removed.
    audit_buffer: Size = 8192
    #: The longest an audit line is kept in the buffer.
    audit_flush: TimeSpan = timedelta(0)
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
    #: The queue's own cap on queuecache; 0: none.
    maxmemoryqueue: Size = 0
    #: N: bounced messages are discarded, audited, without a report to anybody.
    generate_ndr: YesNo = True
    #: Where every NDR goes instead of to the sender; `.` is the sink: to nobody.
    ndr_recip_redirect: Annotated[str | None, BeforeValidator(_parse_redirect)] = None
    #: Who else gets each NDR, in a message of their own.
    ndr_recips_additional: Annotated[tuple[str, ...], NoDecode, BeforeValidator(parse_addresses)] = ()
    #: Folder, a path with tokens, in which a copy of each NDR is kept as <id>.msg.
    ndr_copies_folder: str | None = None
    #: Host name in Message-ID and Reporting-MTA; %SYSNAME% is this host's name.
    announcemta: str = "%SYSNAME%"
    #: Address in the From header; default: postmaster@ + host_name without its first label.
    ndr_from: Address | None = None
    #: Subject of every NDR.
    ndr_subject: Annotated[str, Field(min_length=1)] = "Delivery Failure Report"
    #: Opening words of the first part; %PRODNAME% and %REPMTA% are replaced.
    ndr_textpart: str | None = None
    #: The most octets of the bounced message that are returned; 0: none.
    attachmsg: Size = 4096
    #: Status when neither reply nor queue entry says one.
    ndr_status: Annotated[str, Field(pattern=r"^[245]\.\d{1,3}\.\d{1,3}$")] = "5.0.0"
    #: SMTP status to assume for an entry that has 0 or none; 0: none is assumed.
    statuszero: Annotated[int, Field(ge=0, le=599)] = 0
    #: How often spooled messages that nothing refers to any more are removed; 0: never.
    interval_housekeeping: TimeSpan = timedelta(days=1)
    #: Age from which such a message is removed.
    prune_after: TimeSpan = timedelta(days=10)
    #: How long a message's first bounced entry waits for the others, so that they share one NDR.
    settle: TimeSpan = timedelta(0)
    #: Recipients of one NDR; a message with more gets several.
    max_recipients: Annotated[int, Field(ge=1, le=10_000)] = 1000
    #: Who is told of bounced messages without a sender; without it they are only audited.
    double_bounce_to: Address | None = None
    #: NDRs that one sender gets within sender_budget_period; the others come as one digest; 0: no limit.
    sender_budget: Annotated[int, Field(ge=0)] = 0
    #: The period of sender_budget.
    sender_budget_period: TimeSpan = timedelta(hours=1)
    #: Ages at which the sender of a deferred message is told that it is late: 4h | 1d; empty: never.
    delay_notices: Annotated[tuple[timedelta, ...], NoDecode, BeforeValidator(_parse_spans)] = ()
    #: How long the MTA tries: what a delay notice gives as Will-Retry-Until.
    retry_maxtime: TimeSpan = timedelta(hours=72)
    #: Y: entries of status delivered whose sender asked for NOTIFY=SUCCESS are reported.
    success_notices: YesNo = False
    #: Y: an 8-bit original may be returned whole, because every hop to the sender takes 8BITMIME.
    eight_bit: YesNo = False
    #: Y: remote servers, log ids and X- fields are left out (RFC 3464 4.2).
    confidential: YesNo = False
    #: Language of the human part where `languages` says nothing.
    language: str = "en"
    #: Language by the NDR's recipient: an address, a domain, or a domain's ending such as `.fr`.
    languages: dict[str, str] = Field(default_factory=dict)
    #: Folder of further languages, one folder each, or of one's own wording for those shipped.
    templates_path: Folder | None = None
    #: Y: the human part has an HTML alternative.
    html: YesNo = False
    #: Share of NDRs, 0 to 1, parsed in full by flufl.bounce before they are published.
    full_check: Annotated[float, Field(ge=0, le=1)] = 0.0
    #: How long a worker may take over a batch before another one goes on with it.
    lease: TimeSpan = timedelta(minutes=2)
    #: No bounces are claimed while more mails than this are ready on mail-out; 0: they always are.
    mail_out_high_water: Annotated[int, Field(ge=0)] = 10_000
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

    @property
    def batch_limit(self) -> int:
        """The most queue entries of one batch, the queue's own cap included (seed 1, maxmemoryqueue)."""
        return min(self.queuecache, self.maxmemoryqueue) if self.maxmemoryqueue else self.queuecache

    @property
    def sink(self) -> bool:
        """Whether NDRs go to nobody but the additional recipients and the copies folder."""
        return self.ndr_recip_redirect == SINK

    @property
    def goes_nowhere(self) -> bool:
        """Whether an NDR would reach neither a person nor a folder."""
        return self.sink and not self.ndr_recips_additional and not self.ndr_copies_folder


class ReportsSettings(_Section):
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


class TimeoutSettings(_Section):
    """The most that each step of an SMTP session may take; defaults of RFC 5321 section 4.5.3.2."""

    #: TCP connection and TLS handshake, for each of the server's addresses.
    connect: StepTime = timedelta(seconds=30)
    #: The server's greeting, and its answers to EHLO, STARTTLS and AUTH.
    greeting: StepTime = timedelta(minutes=5)
    #: The answers to MAIL and RSET.
    mail: StepTime = timedelta(minutes=5)
    #: The answer to each RCPT.
    rcpt: StepTime = timedelta(minutes=5)
    #: The answer to DATA.
    data: StepTime = timedelta(minutes=2)
    #: The server's taking a block of the message, 64 KiB.
    block: StepTime = timedelta(minutes=3)
    #: The answer to the final dot; a server that has the whole message may still look through it.
    final: StepTime = timedelta(minutes=10)
    #: The answer to QUIT; nothing depends on it.
    quit: StepTime = timedelta(seconds=2)


class DkimSettings(_Section):
    """The DKIM signature of every mail; none of it, or all."""

    #: The signing domain, `d=`; of the From addresses, or one above them.
    domain: DomainName | None = None
    #: The key's name under `_domainkey.` + domain, `s=`.
    selector: DomainName | None = None
    #: The private key: a file with an RSA key in PEM.
    key_file: Path | None = None

    @model_validator(mode="after")
    def _need_all_or_none(self) -> Self:
        lacking = [name for name in DkimSettings.model_fields if getattr(self, name) is None]
        if 0 < len(lacking) < len(DkimSettings.model_fields):
            raise ValueError(f"a signature needs all of its settings; set {' and '.join(lacking)} too")
        return self


class DestinationLimit(_Section):
    """What one recipients' domain may get, from all relays together."""

    #: Mails on their way at once; unset: any number.
    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    #: Recipients a minute, on average; unset: any number.
    per_minute: Annotated[int, Field(ge=1, le=100_000)] | None = None


def _lower_keys(limits: dict[str, DestinationLimit]) -> dict[str, DestinationLimit]:
    return {domain.lower(): limit for domain, limit in limits.items()}


class RelaySettings(_Section):
    """The mail relay."""

    #: SMTP connections of one relay process.
    connections: Annotated[int, Field(ge=1, le=100)] = 4
    #: Mails taken over one connection before it is opened anew.
    mails_per_connection: Annotated[int, Field(ge=1)] = 1000
    #: Age at which a connection is opened anew.
    connection_lifetime: TimeSpan = timedelta(minutes=5)
    #: How long an idle connection is kept.
    idle_timeout: TimeSpan = timedelta(seconds=30)
    #: Certificates of the authorities that may vouch for the server, in PEM; default: the system's.
    ca_file: Path | None = None
    timeouts: TimeoutSettings = TimeoutSettings()
    dkim: DkimSettings = DkimSettings()
    #: How long a mail in hand belongs to a relay that does not renew it; then that relay counts as dead.
    attempt_lease: Annotated[TimeSpan, Field(ge=timedelta(seconds=1))] = timedelta(minutes=2)
    #: What becomes of a mail of which nobody knows whether the server took it: sent again, or left to people.
    in_doubt: Literal["resend", "hold"] = "resend"
    #: Waits before the second attempt, the third ...; the last repeats until the mail expires.
    retry_after: Annotated[
        tuple[timedelta, ...], NoDecode, BeforeValidator(_parse_spans), Field(min_length=1)
    ] = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 120))
    #: How much longer each wait may be, at random, as a part of it.
    retry_jitter: Annotated[float, Field(ge=0, le=1)] = 0.2
    #: What recipients' domains may get, by domain; `*` is every other domain, each for itself.
    limits: Annotated[dict[str, DestinationLimit], AfterValidator(_lower_keys)] = Field(default_factory=dict)


class EventsSettings(_Section):
    """Events for other systems, on the topic exchange `events`."""

    publish: YesNo = False


class ConsoleSettings(_Section):
    """The web console."""

    #: Where people open it; decides its host name, and whether cookies are for https alone.
    url: Annotated[str, _url_with_scheme("http", "https")] = "http://localhost:8080"
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
    directories: DirectorySettings = DirectorySettings()
    ndr: NdrSettings = NdrSettings()
    reports: ReportsSettings = ReportsSettings()
    relay: RelaySettings = RelaySettings()
    events: EventsSettings = EventsSettings()
    console: ConsoleSettings = ConsoleSettings()
