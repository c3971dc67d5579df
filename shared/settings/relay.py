"""Settings of the mail relay."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from shared.settings.fields import (
    DomainName,
    Section,
    Spans,
    StepTime,
    TimeSpan,
)


class TimeoutSettings(Section):
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


class DkimSettings(Section):
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


class DestinationLimit(Section):
    """What one recipients' domain may get, from all relays together."""

    #: Mails on their way at once; unset: any number.
    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    #: Recipients a minute, on average; unset: any number.
    per_minute: Annotated[int, Field(ge=1, le=100_000)] | None = None


def _lower_keys(limits: dict[str, DestinationLimit]) -> dict[str, DestinationLimit]:
    return {domain.lower(): limit for domain, limit in limits.items()}


class RelaySettings(Section):
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
    retry_after: Annotated[Spans, Field(min_length=1)] = tuple(
        timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 120)
    )
    #: How much longer each wait may be, at random, as a part of it.
    retry_jitter: Annotated[float, Field(ge=0, le=1)] = 0.2
    #: What recipients' domains may get, by domain; `*` is every other domain, each for itself.
    limits: Annotated[dict[str, DestinationLimit], AfterValidator(_lower_keys)] = Field(default_factory=dict)
