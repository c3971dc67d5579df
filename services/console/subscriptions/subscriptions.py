"""The rows of `mailroom.subscription`: reading and storing them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from services.console.names import look_up
from services.report_worker.subscription import Subscription
from shared.database.statements import load_statements

_SQL = load_statements("services.console.subscriptions", "subscriptions.sql")


@dataclass(frozen=True, slots=True)
class StoredSubscription:
    """A row of `mailroom.subscription`, as its column comments describe it."""

    name: str
    enabled: bool
    emails_list: str
    from_email: str
    template_name: str
    email_subject: str
    alternate_email_subject: str
    columns: str
    tags: str
    mute_until: datetime | None
    send_empty: bool | None
    attachment: str
    notes: str | None
    updated_at: datetime
    updated_by: str | None

    def as_read_by_reports(self) -> Subscription:
        """Return what the report worker goes by."""
        return Subscription(
            name=self.name,
            emails_list=self.emails_list,
            from_email=self.from_email,
            enabled=self.enabled,
            email_subject=self.email_subject,
            alternate_email_subject=self.alternate_email_subject,
            columns=self.columns,
            tags=self.tags,
            mute_until=self.mute_until,
            send_empty=self.send_empty,
            attachment=self.attachment,
        )


def list_subscriptions(connection: Connection) -> dict[str, StoredSubscription]:
    """Read every subscription, by name and sorted by it."""
    with connection.cursor(row_factory=class_row(StoredSubscription)) as cursor:
        return {subscription.name: subscription for subscription in cursor.execute(_SQL["list"])}


def find_subscription(connection: Connection, name: str) -> StoredSubscription:
    """Read one subscription.

    Raises:
        NameUnknown: there is none of this name.
    """
    return look_up("subscription", name, list_subscriptions(connection))


def change(
    connection: Connection, names: Sequence[str], values: Mapping[str, Any], *, changed_by: str
) -> list[StoredSubscription]:
    """Store new values of some fields; in all of these subscriptions or, when one is unknown, in none.

    Args:
        connection: in a transaction.
        names: of the subscriptions.
        values: field to value.
        changed_by: the operator's login name.

    Returns:
        The subscriptions as they are now.

    Raises:
        NameUnknown: there is no subscription of one of these names.
    """
    connection.execute(_SQL["lock"], {"names": list(names)})
    known = list_subscriptions(connection)
    for subscription in [look_up("subscription", name, known) for name in names]:
        changed = replace(subscription, **values)
        connection.execute(_SQL["store"], {**asdict(changed), "changed_by": changed_by})
    after = list_subscriptions(connection)
    return [after[name] for name in names]
