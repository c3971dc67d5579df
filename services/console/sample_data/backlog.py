"""A simple realistic bounce queue for load tests."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from services.console.sample_data import originals, replies
from services.console.sample_data.entries import bounced
from services.console.sample_data.originals import Heading
from services.console.sample_data.randomness import stream
from services.console.sample_data.rows import QueuedMessage, SpooledMessage

#: How many finished originals a backlog takes turns with: composing each would outlast loading it.
_BACKLOG_ORIGINALS = 64


def backlog(
    entries: int, seed: int, now: datetime, recipients_per_message: int = 1
) -> Iterator[QueuedMessage]:
    """Generate bounced entries only, originals of 6 to 10 KiB.

    Args:
        entries: how many entries in all; the last message has fewer recipients when they do not divide.
        seed: of the repeatable randomness.
        now: the nominal time; every bounce is older.
        recipients_per_message: how many entries a message has.
    """
    random = stream(seed, "backlog")
    contents = [
        originals.newsletter(random, Heading("news@example.com", "reader@example.org", now, number))
        for number in range(_BACKLOG_ORIGINALS)
    ]
    for number, first in enumerate(range(0, entries, recipients_per_message)):
        bounced_at = now - timedelta(seconds=random.randrange(60, 3600))
        yield QueuedMessage(
            SpooledMessage(
                sender=f"sender{number}@example.com",
                received_at=bounced_at - timedelta(seconds=30),
                received_from="198.51.100.7",
                helo="client.example.com",
                envelope_id=None,
                ret=None,
                smtputf8=False,
                requiretls=False,
                content=contents[number % len(contents)],
            ),
            tuple(
                bounced(f"reader{entry}@example.org", None, None, replies.TAME[0], bounced_at)
                for entry in range(first, min(first + recipients_per_message, entries))
            ),
        )
