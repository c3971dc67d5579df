"""The image's steps in a clean environment: installed by its Dockerfile's own commands, started read-only.

Two things differ from a build: pip may use its cache of downloads, and writes no bytecode for packages. Both
make this faster and change nothing of what is installed; it still takes about 35 s of processor time on two
cores, two thirds of them pip's. The processes run under the image's user where the test may change users, as
root in CI may, else under the test's own; in either case nobody has the right to write what is installed.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from demo.servers.free_port import free_ports
from demo.servers.rabbitmq import Broker
from tests import debian_packages
from tests.deploy.composition import SERVICES, Prepared, environment_of
from tests.deploy.dockerfile import rehearse, stages
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

_USER = 10001
_CHANGES_USER = os.geteuid() == 0
_AS_USER: dict[str, Any] = {"user": _USER, "group": _USER, "extra_groups": []} if _CHANGES_USER else {}


@pytest.fixture
def image() -> Iterator[Path]:
    """The root of what would be the image, which nobody may write."""
    with tempfile.TemporaryDirectory(prefix="mailroom-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        # pip's settings and caches of this machine, none of the test's own environment
        outside = {
            name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTP"))
        }
        fast = {"PIP_NO_CACHE_DIR": "0", "PIP_NO_COMPILE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        home = {"PATH": f"{_folder_of_python()}:{os.defpath}", "HOME": os.environ.get("HOME", "/")}
        rehearse(stages()["build"], folder, {**outside, **fast, **home})
        _make_read_only(folder / "opt")
        yield folder
        _make_writable(folder / "opt")


def _folder_of_python() -> str:
    """Where there is a Python that the image's user may run: of root's own, nobody else may."""
    folders = (f"{sys.base_prefix}/bin", "/usr/bin")
    if not any(map(_may_run, folders)) and debian_packages.may_install():
        debian_packages.install("python3-venv")
    folder = next(filter(_may_run, folders), None)
    if folder is None:
        pytest.skip(
            "no Python with its module venv that every user may run (Debian: apt install python3-venv)"
        )
    return folder


def _may_run(folder: str) -> bool:
    wanted = "import ensurepip, sys; sys.exit(sys.version_info[:2] < (3, 11))"
    try:
        done = subprocess.run([f"{folder}/python3", "-c", wanted], cwd="/", check=False, env={}, **_AS_USER)
    except OSError:
        return False
    return done.returncode == 0


def _make_read_only(folder: Path) -> None:
    subprocess.run(["chmod", "--recursive", "a-w,a+rX", folder], check=True)


def _make_writable(folder: Path) -> None:
    subprocess.run(["chmod", "--recursive", "u+w", folder], check=True)


@pytest.fixture
def prepared(fresh_database_url: str, broker: Broker) -> Iterator[Prepared]:
    """A database with compose's logins, in a folder that the image's user may read."""
    with tempfile.TemporaryDirectory(prefix="mailroom-secrets-") as name:
        Path(name).chmod(0o755)
        yield Prepared.on(fresh_database_url, broker.amqp_url, Path(name) / "secrets")


class Container:
    """Runs programs as the image would."""

    def __init__(self, image: Path, prepared: Prepared, prefix: str) -> None:
        self._image = image
        self._prepared = prepared
        self._prefix = prefix

    def environment(self, service: str, **variables: str) -> dict[str, str]:
        of_image = {
            name: value.replace("/opt/", f"{self._image}/opt/")
            for name, value in stages()["runtime"].variables().items()
        }
        return {
            **of_image,
            "PATH": f"{self._image}/opt/venv/bin:{os.defpath}",
            **environment_of(service, self._prepared.secrets),
            "MAILROOM_AMQP_PREFIX": self._prefix,
            "MAILROOM_HTTP_ADDRESS": "127.0.0.1",
            **variables,
        }

    def command(self, *words: str) -> list[str]:
        entry = [
            word.replace("/opt/", f"{self._image}/opt/") for word in stages()["mailroom"].json("ENTRYPOINT")
        ]
        return [str(self._image / "opt/venv/bin" / entry[0]), *entry[1:], *words]

    def healthy(self, port: int) -> bool:
        """Whether the image's own health check says so."""
        command = [
            str(self._image / "opt/venv/bin/python"),
            str(self._image / "opt/mailroom/healthy.py"),
            "readyz",
        ]
        done = subprocess.run(
            command, env={"MAILROOM_HTTP_PORT": str(port)}, capture_output=True, check=False
        )
        return done.returncode == 0

    @contextmanager
    def started(
        self, service: str, words: Sequence[str], **variables: str
    ) -> Iterator[subprocess.Popen[str]]:
        """Run a program; it is killed at the end if it still runs."""
        process = subprocess.Popen(
            self.command(*words),
            cwd=self._image / "opt/mailroom",
            env=self.environment(service, **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **_AS_USER,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


def test_each_service_starts_from_the_image_and_drains(
    image: Path, prepared: Prepared, broker: Broker
) -> None:
    # Given the installed image, its logins and no schema
    container = Container(image, prepared, broker.prefix)
    assert not (image / "opt/venv/bin/pip").exists()

    # When the schema is made as compose makes it
    with container.started("migrate", ["mailroom", "db", "migrate"]) as migration:
        assert "applied 0001_monitoring" in ended_well(migration)

    # Then each service finds everything in order
    with ExitStack() as running:
        checks = {
            name: running.enter_context(container.started(name, [name, "--check"])) for name in SERVICES
        }
        for name, process in checks.items():
            assert f"{name}: settings, database and broker are in order" in ended_well(process)

    # And each becomes ready, and drains on SIGTERM
    with ExitStack() as running:
        ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        console = {"MAILROOM_CONSOLE__PORT": "0"}
        processes = [
            running.enter_context(container.started(name, [name], MAILROOM_HTTP_PORT=str(port), **console))
            for name, port in ports.items()
        ]
        wait_until(lambda: all(container.healthy(port) for port in ports.values()), 60)
        for process in processes:
            process.send_signal(signal.SIGTERM)
        assert all('"drained": true' in ended_well(process) for process in processes)


def ended_well(process: subprocess.Popen[str]) -> str:
    """Wait until a process ends, which must be with 0; returns what it said."""
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said
