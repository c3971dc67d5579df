"""A private RabbitMQ node from installed programs: free ports, own folder, own name server, gone afterwards.

A node and its name server (epmd) have machine-wide defaults for everything; each is overridden here, so that
the node neither meets nor disturbs one that is already installed and running.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.servers.free_port import free_ports
from demo.servers.missing import ServerFailed
from demo.servers.virtual_hosts import Rabbitmqctl, rabbitmqctl_program

#: A node takes 40 to 140 s on a busy small machine.
START_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Programs:
    """Paths of what a private node needs."""

    server: str
    control: str
    name_server: str


def find_programs(environment: Mapping[str, str]) -> Programs | None:
    """Find RabbitMQ's programs on PATH.

    Args:
        environment: only its `PATH` is read.
    """
    path = environment.get("PATH", "")
    server, control, name_server = (
        shutil.which(program, path=path) for program in ("rabbitmq-server", "rabbitmqctl", "epmd")
    )
    if not (server and control and name_server):
        return None
    return Programs(_without_wrapper(server), _without_wrapper(control), name_server)


@dataclass(slots=True)
class Node:
    """A private node: may be stopped and started again, on the same port and with what it had on disk.

    Attributes:
        command: runs it.
        environment: what it runs with.
        log: where what it says goes.
        amqp_url: where it listens.
        control: its `rabbitmqctl`.
        answers: whether a broker can be used at an AMQP URL.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    amqp_url: str
    control: Rabbitmqctl
    answers: Callable[[str], bool]
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it can be used.

        Raises:
            ServerFailed: it ended, or did not answer within `START_SECONDS`.
        """
        process = self._process = _spawn(self.command, self.environment, self.log)
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if self.answers(self.amqp_url):
                return
            time.sleep(0.25)
        said = self.log.read_text(errors="replace")[-2000:]
        raise ServerFailed(
            f"The private RabbitMQ node did not start within {START_SECONDS} s; it said:\n{said}"
        )

    def stop(self) -> None:
        """Shut it down."""
        if self._process is not None:
            _end(self._process)

    def kill(self) -> None:
        """SIGKILL, as when its machine dies."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def started(
    programs: Programs, environment: Mapping[str, str], answers: Callable[[str], bool]
) -> Iterator[tuple[str, Rabbitmqctl]]:
    """Run a node as `node` does; yields its AMQP URL and its `rabbitmqctl`."""
    with node(programs, environment, answers) as running:
        yield running.amqp_url, running.control


@contextmanager
def node(
    programs: Programs, environment: Mapping[str, str], answers: Callable[[str], bool]
) -> Iterator[Node]:
    """Run a node with everything of its own.

    Args:
        programs: from `find_programs`.
        environment: what the node runs with besides its own settings.
        answers: whether a broker can be used at an AMQP URL.

    Raises:
        ServerFailed: it ended, or did not answer within `START_SECONDS`.
    """
    with tempfile.TemporaryDirectory(prefix="mailroom-rabbitmq-") as folder:
        home = Path(folder)
        amqp_port, distribution_port, control_port, name_server_port = free_ports(4)
        password = secrets.token_urlsafe(16)
        amqp_url = f"amqp://mailroom:{password}@127.0.0.1:{amqp_port}/"
        _write_configuration(home, amqp_port, password)
        own = dict(environment) | _settings(home, distribution_port, control_port, name_server_port)
        name_server = [programs.name_server, "-port", str(name_server_port), "-address", "127.0.0.1"]
        control = rabbitmqctl_program(programs.control, own)
        running = Node([programs.server], own, home / "node.log", amqp_url, control, answers)
        with _process(name_server, own, home / "epmd.log"):
            # a node that finds no name server starts one in the background, which nobody would end
            _wait_for_port(name_server_port)
            try:
                running.start()
                yield running
            finally:
                running.stop()


def _without_wrapper(program: str) -> str:
    """Give the real program behind Debian's wrapper, which insists on the user rabbitmq and its home."""
    real = Path(program).resolve().parent / Path(program).name
    return str(real) if real.exists() else program


def _write_configuration(home: Path, amqp_port: int, password: str) -> None:
    settings = home / "rabbitmq.conf"
    settings.touch(mode=0o600)
    settings.write_text(
        f"listeners.tcp.local = 127.0.0.1:{amqp_port}\ndefault_user = mailroom\ndefault_pass = {password}\n",
        encoding="ascii",
    )
    # empty, so that the installed server's are not read
    (home / "rabbitmq-env.conf").touch()
    (home / "enabled_plugins").write_text("[].\n", encoding="ascii")


def _settings(home: Path, distribution_port: int, control_port: int, name_server_port: int) -> dict[str, str]:
    return {
        "HOME": str(home),  # where Erlang keeps the cookie that node and rabbitmqctl share
        "ERL_EPMD_PORT": str(name_server_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"mailroom_{secrets.token_hex(4)}@localhost",
        "RABBITMQ_DIST_PORT": str(distribution_port),
        # by default 10000 above the node's, which may be no port at all
        "RABBITMQ_CTL_DIST_PORT_MIN": str(control_port),
        "RABBITMQ_CTL_DIST_PORT_MAX": str(min(control_port + 20, 65535)),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_CONF_ENV_FILE": str(home / "rabbitmq-env.conf"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "generated"),
        "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home / "logs"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
    }


@contextmanager
def _process(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    process = _spawn(command, environment, log)
    try:
        yield process
    finally:
        _end(process)


def _spawn(command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Run a program, in a session of its own so that Ctrl-C reaches us and not it."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise ServerFailed(f"RabbitMQ's name server epmd does not answer on port {port}.")
