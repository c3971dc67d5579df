import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mail_relay import gate as gates
from services.mail_relay.gate import Gate, pause_after


class Away(Exception):
    """The server is away."""


class Server:
    """Away until it comes back; notes who tries it."""

    def __init__(self) -> None:
        self.away = True
        self.tries = 0
        self._trying = threading.Lock()

    def probe(self) -> None:
        assert self._trying.acquire(blocking=False), "one at a time"
        try:
            self.tries += 1
            if self.away:
                raise Away("nobody answers")
        finally:
            self._trying.release()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(gates, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(gates, "_LONGEST_PAUSE", 0.02)
    return Server()


def test_an_open_gate_lets_everybody_pass_and_tries_nothing(server: Server) -> None:
    assert Gate(server.probe, Away).passed(0)
    assert server.tries == 0


def test_nobody_passes_a_closed_gate_and_the_wait_ends(server: Server) -> None:
    gate = Gate(server.probe, Away)
    gate.close("refused")
    assert not gate.passed(0.1)
    assert gate.reason == "nobody answers"
    assert server.tries > 1


def test_one_tries_for_all_and_all_pass_when_the_server_is_back(server: Server) -> None:
    gate = Gate(server.probe, Away)
    gate.close("refused")
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(gate.passed, 20) for _ in range(8)]
        while server.tries < 3:
            time.sleep(0)
        server.away = False
        tries = server.tries
        assert all(each.result(10) for each in waiting)
    assert server.tries <= tries + 2
    assert gate.reason is None


def test_who_waits_goes_home_when_the_process_ends(server: Server) -> None:
    gate = Gate(server.probe, Away)
    gate.close("refused")
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(gate.passed, 300) for _ in range(2)]
        gate.abandon()
        assert not any(each.result(10) for each in waiting)


def test_many_that_find_out_together_count_as_one_failure(server: Server) -> None:
    gate = Gate(server.probe, Away)
    for _ in range(16):
        gate.close("refused")
    assert gate._failures == 1


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_pauses_grow_to_a_minute_and_no_further(failures: int, chance: float) -> None:
    assert 0.25 <= pause_after(failures, chance) <= 60
    assert pause_after(failures + 1, chance) >= pause_after(failures, chance)
