"""What others are told of a batch: one event for each NDR, and for each that policy kept from being one."""

from collections import Counter
from collections.abc import Iterator, Sequence

from services.ndr_worker.composition.log_id import queue_id
from services.ndr_worker.issue import REPORTED, SUCCESS_REPORTED
from services.ndr_worker.policy import Discard
from services.ndr_worker.queue.bounce_queue import Finished
from shared.wire.event import Detail

_KINDS = {REPORTED: "ndr.issued", SUCCESS_REPORTED: "ndr.issued"} | dict.fromkeys(Discard, "ndr.discarded")


def events_of(finished: Sequence[Finished]) -> Iterator[tuple[str, str, dict[str, Detail]]]:
    """Yield kind, NDR id and details of each event.

    Args:
        finished: entries that are dealt with, committed.
    """
    counts = Counter((item.ndr_id, item.message.message_id, str(item.action)) for item in finished)
    for (ndr_id, message_id, action), recipients in counts.items():
        if kind := _KINDS.get(action):
            yield (
                kind,
                str(ndr_id),
                {"action": action, "queue_id": queue_id(message_id), "recipients": recipients},
            )
