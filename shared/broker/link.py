"""One AMQP connection and the I/O thread that owns it.

pika's connections belong to one thread; the only call another thread may make is
`add_callback_threadsafe`. So everything a channel does happens in callbacks on this thread, and the rest of
the process reaches it with `call`. Losing the connection is a normal event: the thread connects again, with
backoff and jitter, declares the topology and hands out a new channel. Liveness is the beat of the loop, which
goes on while the broker is away.
"""

import itertools
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import pika
import structlog
import tenacity
from pika.adapters.select_connection import IOLoop
from pika.channel import Channel
from pika.exceptions import AMQPError

from shared.broker.topology import Topology
from shared.errors import MailroomError

_log = structlog.get_logger()

#: Seconds; the peer is declared dead after two missed ones.
HEARTBEAT = 15
_BEAT = 1.0
#: Seconds that the broker may take over the topology: a node that is not well may never answer.
_READY_WITHIN = 60.0
#: Seconds that closing may take: a broker that is frozen, or has blocked the connection, does not answer.
_CLOSE_WITHIN = 2.0
#: Seconds from which on a connection has been a success; one that ends sooner is followed by a longer pause.
_STEADY = 5.0
_BACKOFF = tenacity.wait_exponential_jitter(multiplier=0.1, max=10, jitter=1)


class BrokerUnreachable(MailroomError):
    """RabbitMQ does not answer."""


class Link:
    """Keeps one connection with one channel open.

    Args:
        urls: nodes of one cluster, tried in turn.
        name: shown by the broker, and the thread's name.
        topology: declared at every connection.
        on_channel: called on the I/O thread with each new channel.
        on_lost: called on the I/O thread when a channel is gone.
        on_blocked: called on the I/O thread when the broker begins or ceases to take no messages.
    """

    def __init__(
        self,
        urls: Sequence[str],
        name: str,
        topology: Topology,
        *,
        on_channel: Callable[[Channel], None],
        on_lost: Callable[[], None],
        on_blocked: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._parameters = itertools.cycle([connection_parameters(url, name) for url in urls])
        self._name = name
        self._topology = topology
        self._on_channel = on_channel
        self._on_lost = on_lost
        self._on_blocked = on_blocked
        self._lock = threading.Lock()
        self._loop: IOLoop | None = None
        self._connection: pika.SelectConnection | None = None
        self._handed_out_at: float | None = None
        self._handed_out = False
        self._stopping = threading.Event()
        self._beat = time.monotonic()
        self.open = threading.Event()
        self.blocked = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self) -> None:
        """Close the connection and end the thread, within seconds whatever the broker does."""
        self._stopping.set()
        self.call(self._close)
        self._thread.join(3 * _CLOSE_WITHIN)

    def call(self, callback: Callable[[], None]) -> None:
        """Run `callback` on the I/O thread; without a connection it is dropped."""
        with self._lock:
            if self._loop is not None:
                self._loop.add_callback_threadsafe(callback)

    def later(self, delay: float, callback: Callable[[], None]) -> None:
        """Run `callback` on the I/O thread after `delay` seconds; to be called on that thread."""
        if self._loop is not None:
            self._loop.call_later(delay, callback)

    def silence(self) -> float:
        """Return for how many seconds the loop has not turned."""
        return time.monotonic() - self._beat

    def _run(self) -> None:
        while not self._stopping.is_set():
            tenacity.Retrying(
                retry=tenacity.retry_if_result(lambda opened: not opened and not self._stopping.is_set()),
                wait=_BACKOFF,
                sleep=self._pause,
            )(self._connect_once)
            self._pause(_BEAT / 4)

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stopping.is_set():
            self._beat = time.monotonic()
            self._stopping.wait(min(left, _BEAT))

    def _connect_once(self) -> bool:
        """Connect and stay until the connection ends; tell whether it was of use for a while."""
        self._handed_out_at = None
        connection = pika.SelectConnection(
            next(self._parameters),
            on_open_callback=self._connection_open,
            on_open_error_callback=self._connection_ended,
            on_close_callback=self._connection_ended,
        )
        with self._lock:
            self._loop, self._connection = connection.ioloop, connection
        if self._stopping.is_set():  # stop() may have come before there was anything to close
            self.call(self._close)
        self._turn()
        try:
            connection.ioloop.start()
        except Exception:  # noqa: BLE001 - whatever a callback raised, the link must live on
            _log.exception("the connection failed", action="broker-link-failed", link=self._name)
        finally:
            steady = self._handed_out_at is not None and time.monotonic() - self._handed_out_at > _STEADY
            self._take_back()
            with self._lock:
                self._loop = self._connection = None
            connection.ioloop.close()
        return steady

    def _turn(self) -> None:
        self._beat = time.monotonic()
        self.later(_BEAT, self._turn)

    def _connection_open(self, connection: pika.SelectConnection) -> None:
        connection.add_on_connection_blocked_callback(lambda *_: self._note_blocked(blocked=True))
        connection.add_on_connection_unblocked_callback(lambda *_: self._note_blocked(blocked=False))
        connection.channel(on_open_callback=self._channel_open)
        self.later(_READY_WITHIN, self._check_ready)

    def _channel_open(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._channel_closed)
        declare(channel, self._topology, on_done=lambda: self._ready(channel))

    def _ready(self, channel: Channel) -> None:
        _log.info("connected to the broker", action="broker-connected", link=self._name)
        self._handed_out_at, self._handed_out = time.monotonic(), True
        self._on_channel(channel)
        self.open.set()

    def _check_ready(self) -> None:
        if self._handed_out_at is None:
            _log.warning("the topology is not declared", action="broker-not-ready", link=self._name)
            self._close()

    def _note_blocked(self, *, blocked: bool) -> None:
        _log.warning(
            "the broker takes no messages" if blocked else "the broker takes messages again",
            action="broker-blocked" if blocked else "broker-unblocked",
            link=self._name,
        )
        if blocked:
            self.blocked.set()
        else:
            self.blocked.clear()
        self._on_blocked(blocked)

    def _channel_closed(self, _: Channel, reason: BaseException) -> None:
        """A channel that the broker closes takes the connection with it: both are made anew."""
        self._take_back()
        if not self._stopping.is_set():
            _log.warning(
                "channel closed", action="broker-channel-closed", link=self._name, reason=str(reason)
            )
        self._close()

    def _connection_ended(self, connection: pika.SelectConnection, reason: BaseException | str) -> None:
        self._take_back()
        if not self._stopping.is_set():
            _log.warning(
                "broker away", action="broker-lost", link=self._name, reason=str(reason) or repr(reason)
            )
        connection.ioloop.stop()

    def _take_back(self) -> None:
        """Tell the owner, once, that the channel it was given is gone."""
        self.open.clear()
        self.blocked.clear()
        if self._handed_out:
            self._handed_out = False
            self._on_lost()

    def _close(self) -> None:
        """Close the connection, also one that is still being made; its end is told as any other."""
        connection = self._connection
        if connection is not None and not (connection.is_closing or connection.is_closed):
            self.later(_CLOSE_WITHIN, partial(_drop, connection))
            connection.close()


def _drop(connection: pika.SelectConnection) -> None:
    """End a connection whose broker does not answer, not even to being closed."""
    if not connection.is_closed:
        connection._adapter_disconnect_stream()  # noqa: SLF001 - pika has no public way to do this


def declare(channel: Channel, topology: Topology, on_done: Callable[[], None]) -> None:
    """Declare the whole topology; what exists already stays as it is.

    Without callbacks the methods go out in one burst, and the broker handles them in order; the answer to the
    last one says that all are done. A contradiction with what exists closes the channel.
    """
    for exchange in topology.exchanges():
        channel.exchange_declare(exchange.name, exchange.kind, durable=True)
    for queue in topology.queues():
        channel.queue_declare(queue.name, durable=True, arguments=dict(queue.arguments))
    for binding in topology.bindings():
        channel.queue_bind(binding.queue, binding.exchange, binding.routing_key)
    channel.basic_qos(prefetch_count=0, callback=lambda _: on_done())


def check_broker(urls: Sequence[str]) -> None:
    """See that a node of the cluster answers.

    Raises:
        BrokerUnreachable: none does.
    """
    troubles = []
    for url in urls:
        parameters = connection_parameters(url, "check")
        parameters.socket_timeout = 3
        try:
            pika.BlockingConnection(parameters).close()
        except (AMQPError, OSError) as error:
            troubles.append(f"{parameters.host}:{parameters.port}: {error!r}")
        else:
            return
    raise BrokerUnreachable(f"the broker does not answer ({'; '.join(troubles)}); check MAILROOM_AMQP_URL")


def connection_parameters(url: str, name: str) -> pika.URLParameters:
    """Return how to connect: with short timeouts, `amqps` verified, and a name that the broker shows.

    Args:
        url: of one node.
        name: of the connection.
    """
    parameters = pika.URLParameters(url)
    parameters.heartbeat = HEARTBEAT
    parameters.socket_timeout = 5
    parameters.stack_timeout = 10
    parameters.connection_attempts = 1
    parameters.client_properties = {"connection_name": f"mailroom {name}"}
    if parameters.ssl_options is not None:
        parameters.ssl_options = pika.SSLOptions(ssl.create_default_context(), parameters.host)
    return parameters
