"""Settings of the NDR worker."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode

from shared.settings.fields import (
    Address,
    Folder,
    Section,
    Size,
    Spans,
    TimeSpan,
    YesNo,
)
from shared.settings.values import (
    parse_address,
    parse_addresses,
)

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


class DirectorySettings(Section):
    """What the tokens %DIRTOP%, %DIRCONF%, %DIRVAR%, %DIRLOG% and %DIRTMP% in paths stand for (seed 2.7)."""

    top: Path = Path()
    conf: Path = Path("conf")
    var: Path = Path("var")
    log: Path = Path("var/logs")
    tmp: Path = Path("var/tmp")


class NdrSettings(Section):
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
    delay_notices: Spans = ()
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
