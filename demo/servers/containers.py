"""PostgreSQL and RabbitMQ in containers, where a Docker engine answers."""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

from demo.servers.virtual_hosts import Rabbitmqctl, VirtualHostRefused

POSTGRESQL_IMAGE = "postgres:16"
RABBITMQ_IMAGE = "rabbitmq:4"

_PULL_SECONDS = 600
_DEFAULT_DOCKER_HOST = "unix:///var/run/docker.sock"


def can_run(image: str, environment: Mapping[str, str]) -> bool:
    """Whether a Docker engine answers within two seconds and has the image, or can pull it.

    Args:
        image: name and tag.
        environment: read for `DOCKER_HOST` and its companions.
    """
    if not _socket_answers(environment.get("DOCKER_HOST", _DEFAULT_DOCKER_HOST)):
        return False
    try:
        # imported late: without an engine nobody needs it, and it takes a while
        import docker  # type: ignore[import-untyped]  # noqa: PLC0415  # carries no type information
    except ImportError:
        return False
    try:
        with closing(docker.from_env(environment=dict(environment), timeout=2)) as client:
            client.ping()
        with closing(docker.from_env(environment=dict(environment), timeout=_PULL_SECONDS)) as client:
            if not client.images.list(name=image):
                client.images.pull(image)
    except docker.errors.DockerException:
        return False
    return True


def _socket_answers(docker_host: str) -> bool:
    """Whether anybody listens, if it is a Unix socket; where nobody does, the library leaks its own."""
    if not docker_host.startswith("unix://"):
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        try:
            probe.connect(docker_host.removeprefix("unix://"))
        except OSError:
            return False
    return True


@contextmanager
def postgresql() -> Iterator[str]:
    """Run PostgreSQL in a container; yields the URL of its maintenance database for its superuser."""
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415  # takes seconds

    _without_reaper()
    with PostgresContainer(
        POSTGRESQL_IMAGE, username="postgres", dbname="postgres", driver=None
    ) as container:
        yield container.get_connection_url()


@contextmanager
def rabbitmq() -> Iterator[tuple[str, Rabbitmqctl]]:
    """Run RabbitMQ in a container; yields its AMQP URL and its `rabbitmqctl`."""
    from testcontainers.community.rabbitmq import RabbitMqContainer  # noqa: PLC0415  # takes seconds

    _without_reaper()
    with RabbitMqContainer(RABBITMQ_IMAGE) as container:

        def run(arguments: Sequence[str]) -> None:
            code, output = container.exec(["rabbitmqctl", *arguments])
            if code != 0:
                raise VirtualHostRefused(output.decode(errors="replace"))

        host, port = container.get_container_host_ip(), container.get_exposed_port(container.port)
        yield f"amqp://{container.username}:{container.password}@{host}:{port}/", Rabbitmqctl(run)


def _without_reaper() -> None:
    """Spare the second container that would remove ours, which the end of the context removes anyway."""
    from testcontainers.core.config import testcontainers_config  # noqa: PLC0415  # takes seconds

    testcontainers_config.ryuk_disabled = True
