"""The rows of the sample, one class per table.

Named tuples, not dataclasses, because COPY takes tuples: fields stand in the order of the COPY statements in
`load.sql`.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Site(NamedTuple):
    """A row of `site`."""

    name: str
    enabled: bool = True
    notes: str | None = None


class Bot(NamedTuple):
    """A row of `bot`."""

    host_name: str
    site: str | None
    ip_address: str
    enabled: bool
    last_seen: datetime | None


class Server(NamedTuple):
    """A row of `exchange_server`; a time that is None never happened."""

    name: str
    enabled: bool
    last_connection: datetime | None
    last_send: datetime | None
    last_inbox_access: datetime | None
    last_seen: datetime | None


class Database(NamedTuple):
    """A row of `exchange_database`, without its id."""

    name: str
    server: str
    enabled: bool
    last_access: datetime | None


class DomainPair(NamedTuple):
    """A row of `domain_pair`, without its id."""

    site: str | None
    from_domain: str
    to_domain: str
    status: str
    last_verified: datetime | None
    enabled: bool
    is_expired: bool


class Event(NamedTuple):
    """A row of `bot_event`."""

    uuid: UUID
    bot: str
    event_group_id: str
    status: str
    type: str
    mail_account: str | None
    message: str | None
    exception: str | None
    body: str | None
    registered_on: datetime


class EventMail(NamedTuple):
    """A row of `bot_message`: the mail of a send or receive event."""

    event: UUID
    identifier: str
    sent_from: str
    sent_to: str
    received_from: str | None = None
    received_by: str | None = None
    created: datetime | None = None
    sent: datetime | None = None
    received: datetime | None = None


class SpooledMessage(NamedTuple):
    """A row of `spooled_message`, without its id."""

    sender: str
    received_at: datetime
    received_from: str | None
    helo: str | None
    envelope_id: str | None
    ret: str | None
    smtputf8: bool
    requiretls: bool
    content: bytes


class QueueEntry(NamedTuple):
    """A row of `queue_entry`, without its ids; the claim (`ndr_id`, `leased_until`) is never filled."""

    recipient: str
    original_recipient: str | None
    notify: str | None
    status: str
    smtp_status: int | None
    enhanced_status: str | None
    diagnostic: str | None
    remote_mta: str | None
    remote_ip: str | None
    attempts: int
    last_attempt_at: datetime | None
    bounced_at: datetime | None


class QueuedMessage(NamedTuple):
    """A spooled message with its queue entries, one per envelope recipient."""

    message: SpooledMessage
    entries: tuple[QueueEntry, ...]

    @property
    def bounced(self) -> tuple[QueueEntry, ...]:
        """The entries the NDR worker will take."""
        return tuple(entry for entry in self.entries if entry.status == "bounced")

    @property
    def earns_notification(self) -> bool:
        """Whether exactly one NDR has to be issued for it (RFC 3461 5.2)."""
        return self.message.sender != "" and bool(self.bounced)
