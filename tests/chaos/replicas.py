"""The service processes under fire: killed, ended, stopped for a while, and replaced at once."""

import signal
import subprocess
from collections import Counter
from collections.abc import Mapping

from demo.fleet import Fleet, ServiceProcess

REPLICAS: Mapping[str, int] = {"scheduler": 2, "ndr_worker": 3, "report_worker": 2, "mail_relay": 3}
#: Drained; not drained in time, as when a server was away; SIGTERM came before Python could take it; killed.
_IN_ORDER = frozenset({0, 1, -signal.SIGTERM, -signal.SIGKILL})
#: Seconds; more than draining may take.
_END_WITHIN = 60


class Replicas:
    """As many processes of each service as there should be, whatever happens to them.

    Args:
        fleet: starts and ends them.
        counts: how many replicas of each service.
    """

    def __init__(self, fleet: Fleet, counts: Mapping[str, int]) -> None:
        self._fleet = fleet
        self._places = {
            (name, number): fleet.start(name) for name, count in counts.items() for number in range(count)
        }
        #: Exit codes of those that were ended, by service.
        self.exits: Counter[tuple[str, int]] = Counter()
        #: What those said last that ended without being told.
        self.collapses: list[str] = []

    def kill(self, name: str, number: int) -> None:
        """SIGKILL one, as when its machine dies, and start another."""
        victim = self._places[name, number]
        victim.kill()
        self._places[name, number] = self._fleet.replace(victim)

    def terminate(self, name: str, number: int) -> None:
        """SIGTERM one and start another at once; the one told drains meanwhile."""
        victim = self._places[name, number]
        victim.process.terminate()
        self._places[name, number] = self._fleet.replace(victim)

    def stop(self, name: str, number: int) -> ServiceProcess:
        """SIGSTOP one, as when its machine hangs; give it to `go_on` later."""
        victim = self._places[name, number]
        victim.process.send_signal(signal.SIGSTOP)
        return victim

    @staticmethod
    def go_on(victim: ServiceProcess) -> None:
        """SIGCONT one that was stopped, if it still is there."""
        if victim.process.poll() is None:
            victim.process.send_signal(signal.SIGCONT)

    def tend(self) -> None:
        """Note what has ended, and replace what nobody ended."""
        for place, service in self._places.items():
            code = service.process.poll()
            if code is not None:
                self.collapses.append(f"{service.log.name} ended by itself with {code}: {service.tail(3)}")
                self._places[place] = self._fleet.replace(service)
        for service in self._fleet.gone():
            self.exits[service.name, service.process.returncode] += 1

    def end(self, name: str) -> None:
        """SIGTERM every replica of a service, for good."""
        for place in [place for place in self._places if place[0] == name]:
            service = self._places.pop(place)
            try:
                self.exits[name, service.terminate(_END_WITHIN)] += 1
            except subprocess.TimeoutExpired:
                self.collapses.append(f"{service.log.name} did not end within {_END_WITHIN} s of SIGTERM")
                service.kill()
            self._fleet.processes.remove(service)

    def troubles(self) -> list[str]:
        """Say which ended as no service should."""
        codes = [f"{name} ended with {code}" for name, code in self.exits if code not in _IN_ORDER]
        return [*codes, *self.collapses]
