"""How many messages are ready on each queue, asked of the broker itself."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import pika
from pika.exceptions import AMQPError, ChannelClosedByBroker

from shared.broker import Topology
from shared.broker.link import connection_parameters

#: Seconds; somebody is waiting for the answer.
_CONNECT_WITHIN = 2
_HEARTBEAT = 4


def queue_depths(amqp_urls: Sequence[str], topology: Topology) -> Mapping[str, int | None] | None:
    """Return the depth of every queue by its short name; None when the broker does not answer.

    A queue that is not declared, because no service has been connected yet, has None.

    Args:
        amqp_urls: nodes of one cluster.
        topology: names of the queues.
    """
    try:
        connection = pika.BlockingConnection([_parameters(url) for url in amqp_urls])
        try:
            return {
                queue.name.removeprefix(topology.name("")): _depth(connection, queue.name)
                for queue in topology.queues()
            }
        finally:
            with suppress(AMQPError):
                connection.close()
    except (AMQPError, OSError):
        return None


def _depth(connection: pika.BlockingConnection, queue: str) -> int | None:
    channel = connection.channel()
    try:
        depth: int = channel.queue_declare(queue, passive=True).method.message_count
    except ChannelClosedByBroker:
        return None
    channel.close()
    return depth


def _parameters(url: str) -> pika.URLParameters:
    parameters = connection_parameters(url, "status")
    parameters.socket_timeout = _CONNECT_WITHIN
    parameters.stack_timeout = 2 * _CONNECT_WITHIN
    parameters.heartbeat = _HEARTBEAT  # what ends the wait for a broker that has stopped answering
    return parameters
