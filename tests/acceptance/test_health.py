"""What a running service tells of itself."""

import ctypes
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from demo.servers.rabbitmq import Broker
from tests.acceptance.house import house
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
SERVICES = ("scheduler", "report_worker", "ndr_worker", "mail_relay")


def status(port: int, page: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_every_service_is_live_and_ready_and_exposes_its_metrics(database_url: str, broker: Broker) -> None:
    with house(database_url, broker) as home:
        running = {name: home.fleet.start(name) for name in SERVICES}
        home.fleet.wait_ready()
        for service in running.values():
            assert (status(service.http_port, "/livez"), status(service.http_port, "/readyz")) == (200, 200)
            assert status(service.http_port, "/elsewhere") == 404
        wait_until(lambda: "mailroom_commands_consumed_total{" in running["ndr_worker"].metrics(), 20)
        metrics = running["ndr_worker"].metrics()
        assert 'mailroom_commands_consumed_total{outcome="done",queue="bounce-commands"}' in metrics
        assert "process_resident_memory_bytes" in metrics
        assert "mailroom_schedule_next_due_timestamp_seconds{" in running["scheduler"].metrics()


def test_without_a_broker_a_service_is_live_but_not_ready(database_url: str, broker: Broker) -> None:
    with house(database_url, broker) as home:
        service = home.fleet.start("ndr_worker", MAILROOM_AMQP_URL="amqp://guest:guest@127.0.0.1:1/")
        wait_until(lambda: b"service-started" in service.log.read_bytes(), 20, service.tail)
        assert (status(service.http_port, "/livez"), status(service.http_port, "/readyz")) == (200, 503)
        assert service.terminate(20) == 0


def test_a_signal_that_the_kernel_gives_to_another_thread_is_heard_too(
    database_url: str, broker: Broker
) -> None:
    """As after SIGSTOP and SIGCONT, when the first thread is not yet awake."""
    with house(database_url, broker) as home:
        service = home.fleet.start("ndr_worker")
        home.fleet.wait_ready()
        pid = service.process.pid
        threads = {int(folder.name) for folder in Path(f"/proc/{pid}/task").iterdir()}
        assert ctypes.CDLL(None).tgkill(pid, max(threads - {pid}), signal.SIGTERM) == 0
        assert service.process.wait(20) == 0
