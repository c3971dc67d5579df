"""A real Prometheus, Debian's, that scrapes services under test and works out our rules."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from demo.servers.free_port import free_ports
from shared.errors import MailroomError
from tests import debian_packages
from tests.waiting import wait_until

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules"


class NoPrometheus(MailroomError):
    """There is no Prometheus."""


@dataclass(frozen=True)
class Prometheus:
    """A running one."""

    url: str

    def ready(self) -> bool:
        try:
            with urlopen(f"{self.url}/-/ready", timeout=5) as answer:  # noqa: S310 - the test's own
                return bool(answer.status == 200)
        except (HTTPError, URLError):
            return False

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression gives now; a wrong one raises an HTTPError."""
        with urlopen(f"{self.url}/api/v1/query?{urlencode({'query': expression})}", timeout=5) as answer:  # noqa: S310
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return found


def find_program(name: str, package: str = "prometheus") -> str:
    """Return the path of a program of one of Debian's packages, installed where that is allowed.

    Raises:
        NoPrometheus: it is not installed, and may not be installed here.
    """
    if shutil.which(name) is None and debian_packages.may_install():
        debian_packages.install(package)
        # the package starts a server of its own, which the tests do not need
        subprocess.run(["service", package, "stop"], check=False, timeout=30, capture_output=True)
    if (program := shutil.which(name)) is None:
        raise NoPrometheus(f"{name} is not on PATH (Debian: apt install {package})")
    return program


@contextmanager
def prometheus(folder: Path, jobs: Mapping[str, int], rules: Path = RULES) -> Iterator[Prometheus]:
    """Scrape each job's port of this machine every second.

    Args:
        folder: for its files.
        jobs: names and ports.
        rules: folder of what it works out.
    """
    (port,) = free_ports(1)
    configuration = folder / "prometheus.json"  # JSON is YAML
    configuration.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
                "rule_files": [f"{rules}/*.yml"],
                "scrape_configs": [
                    {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
                    for name, target in jobs.items()
                ],
            }
        ),
        "utf-8",
    )
    command = [
        find_program("prometheus"),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            running = Prometheus(f"http://127.0.0.1:{port}")
            wait_until(running.ready)
            yield running
        finally:
            process.terminate()
            process.wait(20)
