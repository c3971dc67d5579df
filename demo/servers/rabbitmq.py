"""RabbitMQ for a while: where it comes from, and fresh brokers on it."""

import logging
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

import pika
from pika.exceptions import AMQPError

from demo.servers import containers, private_rabbitmq
from demo.servers.missing import MissingServer, ServersMissing
from demo.servers.naming import sandbox_name
from demo.servers.source import Source
from demo.servers.virtual_hosts import ManagementApi, VirtualHostRefused, VirtualHosts, rabbitmqctl_program

VARIABLE = "MAILROOM_AMQP_URL"
LOCALHOST_URL = "amqp://guest:guest@localhost:5672/"
MANAGEMENT_PORT = 15672

#: What `MAILROOM_AMQP_PREFIX` is unless set (contracts, section 2).
DEFAULT_PREFIX = "mailroom"

WAYS = (
    f"{VARIABLE}=amqp://USER:PASSWORD@HOST:PORT/",
    f"a RabbitMQ server answering at {LOCALHOST_URL}",
    "a Docker engine that answers and has or can pull the image " + containers.RABBITMQ_IMAGE,
    "the programs rabbitmq-server, rabbitmqctl and epmd on PATH (Debian: apt install rabbitmq-server)",
)

_NOT_A_URL = "it is not of the form amqp://USER:PASSWORD@HOST:PORT/ (or several, separated by commas)"

#: Gives the names of all queues and of all exchanges that are declared for a prefix.
DeclaredNames = Callable[[str], tuple[Collection[str], Collection[str]]]


@dataclass(frozen=True, slots=True)
class Broker:
    """A place on a RabbitMQ server where nobody else is.

    Attributes:
        amqp_url: several are separated by commas, as in the setting.
        prefix: for `MAILROOM_AMQP_PREFIX`, in front of every exchange and queue name.
    """

    amqp_url: str
    prefix: str


@dataclass(frozen=True, slots=True)
class RabbitmqServer:
    """A RabbitMQ server that fresh brokers can be made on.

    Attributes:
        amqp_url: where it answers; several of a cluster are separated by commas.
        found: where it comes from, in words.
        virtual_hosts: what may be able to make virtual hosts, best first.
    """

    amqp_url: str
    found: str
    virtual_hosts: tuple[VirtualHosts, ...]

    @contextmanager
    def fresh_broker(
        self, purpose: str, declared_names: DeclaredNames = lambda _prefix: ((), ())
    ) -> Iterator[Broker]:
        """Have a virtual host of one's own, or else a name prefix; what is in it vanishes at the end.

        Args:
            purpose: goes into the name, `mailroom_<purpose>_<8 hex digits>`.
            declared_names: what to delete where only a prefix is to be had, because AMQP can't list names.

        Yields:
            The broker, empty.
        """
        name = sandbox_name(purpose)
        maker = next((each for each in self.virtual_hosts if self._made(each, name)), None)
        try:
            if maker is not None:
                yield Broker(with_virtual_host(self.amqp_url, name), DEFAULT_PREFIX)
            else:
                yield Broker(self.amqp_url, name)
        finally:
            if maker is not None:
                maker.delete(name)
            else:
                _delete(self.amqp_url, *declared_names(name))

    def _made(self, maker: VirtualHosts, name: str) -> bool:
        """Try to make a virtual host; one that can't be connected to was made on another broker."""
        made = False
        try:
            maker.create(name, _first(self.amqp_url).username or "guest")
            made = why_unusable(with_virtual_host(self.amqp_url, name)) is None
        except VirtualHostRefused:
            pass
        finally:
            if not made:
                with suppress(VirtualHostRefused):
                    maker.delete(name)
        return made


@contextmanager
def find_rabbitmq(environment: Mapping[str, str]) -> Iterator[RabbitmqServer]:
    """Have a RabbitMQ server from the first of the four ways that gives one (contracts, section 2).

    Args:
        environment: read for `MAILROOM_AMQP_URL` and `PATH`.

    Yields:
        The server; one that was started for this is stopped and removed afterwards.

    Raises:
        ServersMissing: no way gives one, or `MAILROOM_AMQP_URL` is set and can't be used.
        ServerFailed: a private server did not start.
    """
    with locate_rabbitmq(environment).open() as server:
        yield server


def locate_rabbitmq(environment: Mapping[str, str]) -> Source[RabbitmqServer]:
    """Choose where RabbitMQ is to come from, without starting anything.

    Raises:
        ServersMissing: as `find_rabbitmq`.
    """
    if given := environment.get(VARIABLE):
        if refusal := why_unusable(given):
            raise ServersMissing([missing(f"{VARIABLE} is set, but {refusal}. Correct or unset it.")])
        return Source(lambda: _running(given, VARIABLE, environment))
    if why_unusable(LOCALHOST_URL) is None:
        return Source(lambda: _running(LOCALHOST_URL, "localhost:5672", environment))
    if containers.can_run(containers.RABBITMQ_IMAGE, environment):
        return Source(_in_container)
    if (programs := private_rabbitmq.find_programs(environment)) is not None:
        return Source(lambda: _private(programs, environment))
    raise ServersMissing(
        [missing(f"{VARIABLE} is not set, none answers at {LOCALHOST_URL}, no Docker engine, no programs.")]
    )


def missing(reason: str) -> MissingServer:
    """Say that there is no RabbitMQ, why, and what to provide."""
    return MissingServer("RabbitMQ", reason, WAYS)


def why_unusable(amqp_url: str) -> str | None:
    """Try each server of a comma-separated list within two seconds.

    Returns:
        None if one of them lets us in, else why not: a clause without secrets.
    """
    reason = None
    for url in amqp_url.split(","):
        if not url.startswith(("amqp://", "amqps://")):
            return _NOT_A_URL
        try:
            with _quiet_pika():
                _connected(url).close()
        except (AMQPError, OSError) as error:
            reason = f"nothing usable answers at {_address(url)} ({_words(error)})"
        except (ValueError, TypeError, KeyError):
            return _NOT_A_URL
        else:
            return None
    return reason


def with_virtual_host(amqp_url: str, name: str) -> str:
    """Give the URL, or each URL of a comma-separated list, of another virtual host on the same server."""
    urls = [urlsplit(url) for url in amqp_url.split(",")]
    return ",".join(url._replace(path=f"/{quote(name, safe='')}").geturl() for url in urls)


def _running(amqp_url: str, found: str, environment: Mapping[str, str]) -> nullcontext[RabbitmqServer]:
    return nullcontext(RabbitmqServer(amqp_url, found, tuple(_virtual_hosts(amqp_url, environment))))


@contextmanager
def _in_container() -> Iterator[RabbitmqServer]:
    with containers.rabbitmq() as (amqp_url, control):
        yield RabbitmqServer(amqp_url, "a container on the Docker engine", (control,))


@contextmanager
def _private(programs: private_rabbitmq.Programs, environment: Mapping[str, str]) -> Iterator[RabbitmqServer]:
    def answers(amqp_url: str) -> bool:
        return why_unusable(amqp_url) is None

    with private_rabbitmq.started(programs, environment, answers) as (amqp_url, control):
        yield RabbitmqServer(amqp_url, f"a private node ({programs.server})", (control,))


def _virtual_hosts(amqp_url: str, environment: Mapping[str, str]) -> Iterator[VirtualHosts]:
    url = _first(amqp_url)
    # over amqps the password is not to be sent in the clear to the plain HTTP port
    if url.scheme == "amqp":
        api = ManagementApi(
            url.hostname or "localhost", MANAGEMENT_PORT, url.username or "guest", url.password or "guest"
        )
        if api.answers():
            yield api
    program = shutil.which("rabbitmqctl", path=environment.get("PATH", ""))
    if program and url.hostname in {"localhost", "127.0.0.1", "::1"}:
        yield rabbitmqctl_program(program, environment)


def _connected(url: str) -> pika.BlockingConnection:
    parameters = pika.URLParameters(url)
    parameters.connection_attempts = 1
    parameters.socket_timeout = parameters.blocked_connection_timeout = 2
    parameters.stack_timeout = 4
    return pika.BlockingConnection(parameters)


def _delete(amqp_url: str, queues: Collection[str], exchanges: Collection[str]) -> None:
    if not queues and not exchanges:
        return
    urls = amqp_url.split(",")
    connection = _connected(next((url for url in urls if why_unusable(url) is None), urls[0]))
    try:
        channel = connection.channel()
        for queue in queues:
            channel.queue_delete(queue)
        for exchange in exchanges:
            channel.exchange_delete(exchange)
    finally:
        connection.close()


@contextmanager
def _quiet_pika() -> Iterator[None]:
    """Keep pika from logging a page of errors about a server that we only wanted to know the absence of."""
    logger = logging.getLogger("pika")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def _first(amqp_url: str) -> SplitResult:
    return urlsplit(amqp_url.split(",", maxsplit=1)[0])


def _address(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (5671 if parts.scheme == 'amqps' else 5672)}"


def _words(error: Exception) -> str:
    # pika wraps what the system said, often into an exception without a message
    cause = error.args[0] if error.args else error
    cause = getattr(cause, "exception", cause)
    return f"{type(error).__name__}: {cause}"
