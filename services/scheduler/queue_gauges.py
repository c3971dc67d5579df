"""How many messages are ready on each queue, and how many consumers take them, for `/metrics`."""

from functools import partial

from shared.broker import Topology
from shared.broker.publisher import Publisher
from shared.broker.queue_state import QueueState
from shared.broker.topology import WORK_QUEUES
from shared.telemetry.metrics import QUEUE_CONSUMERS, QUEUE_DEPTH


class QueueGauges:
    """Asks the broker, over the scheduler's connection, about every queue of the topology.

    Args:
        publisher: whose connection is used.
        topology: the queues.
    """

    def __init__(self, publisher: Publisher, topology: Topology) -> None:
        self._publisher = publisher
        self._full_names = {
            queue.name.removeprefix(topology.name("")): queue.name for queue in topology.queues()
        }

    def refresh(self) -> None:
        """Ask without waiting. While the broker does not answer there is no value, rather than an old one."""
        if self._publisher.trouble():
            QUEUE_DEPTH.clear()
            QUEUE_CONSUMERS.clear()
            return
        for short, full in self._full_names.items():
            self._publisher.ask(full, partial(_note, short))


def _note(queue: str, state: QueueState) -> None:
    QUEUE_DEPTH.labels(queue).set(state.ready)
    # nobody consumes the others: messages leave them by their time to live, or by an operator's hand
    if queue in WORK_QUEUES:
        QUEUE_CONSUMERS.labels(queue).set(state.consumers)
