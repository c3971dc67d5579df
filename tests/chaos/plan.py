"""What goes wrong when: planned up front as a pure function of a seed, so that the seed names the plan."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Kind(StrEnum):
    """What is done to whom."""

    KILL = "kill"
    FREEZE_PROCESS = "frozen process"
    RESTART_BROKER = "broker restart"
    RESTART_DATABASE = "database restart"
    CONNECTIONS = "connection fault"
    FULL_DISK = "full disk"
    CLOCK_JUMP = "clock jump"


#: How many there are in ten minutes; a shorter or longer run has its share of each, and at least one.
IN_TEN_MINUTES: Mapping[Kind, int] = {
    Kind.KILL: 220,
    Kind.FREEZE_PROCESS: 15,
    Kind.RESTART_BROKER: 6,
    Kind.RESTART_DATABASE: 8,
    Kind.CONNECTIONS: 36,
    Kind.FULL_DISK: 3,
    Kind.CLOCK_JUMP: 6,
}

_HOW: Mapping[Kind, Sequence[str]] = {
    Kind.KILL: ("SIGKILL", "SIGTERM"),
    Kind.FREEZE_PROCESS: ("SIGSTOP",),
    Kind.RESTART_BROKER: ("kill -9", "graceful"),
    Kind.RESTART_DATABASE: ("immediate", "fast"),
    Kind.CONNECTIONS: ("cut", "freeze", "refuse"),
    Kind.FULL_DISK: ("full",),
    Kind.CLOCK_JUMP: ("forward", "back"),
}
#: Seconds that what lasts a while lasts.
_LASTS: Mapping[Kind, tuple[float, float]] = {
    Kind.FREEZE_PROCESS: (1.0, 20.0),
    Kind.RESTART_BROKER: (0.0, 3.0),
    Kind.RESTART_DATABASE: (0.0, 3.0),
    Kind.CONNECTIONS: (0.5, 8.0),
    Kind.FULL_DISK: (4.0, 8.0),
    Kind.CLOCK_JUMP: (30.0, 1200.0),
}
_PROXIED = ("database", "broker", "smtp")
#: Shares of the time before the first fault and after the last one.
_QUIET_START, _QUIET_END = 0.04, 0.04


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        at: seconds after the start.
        kind: what is done.
        how: in which of its ways.
        target: a service, or what a proxy stands in front of; empty where there is only one.
        replica: which replica of a service.
        seconds: how long it lasts; how far a clock jumps.
    """

    at: float
    kind: Kind
    how: str
    target: str = ""
    replica: int = 0
    seconds: float = 0.0


def minimum(in_ten_minutes: int, seconds: float) -> int:
    """Scale what ten minutes must have seen to another length; at least one."""
    return max(1, math.floor(in_ten_minutes * seconds / 600))


def plan(seed: int, seconds: float, replicas: Mapping[str, int]) -> list[Fault]:
    """Plan every fault of a run, in order of time.

    Args:
        seed: the same seed, length and replicas give the same plan.
        seconds: length of the run.
        replicas: how many there are of each service.
    """
    # of its own for each kind, so that another number of one kind leaves the others as they were
    faults = [
        fault
        for kind, number in IN_TEN_MINUTES.items()
        for fault in _planned(
            Random(f"{seed} {kind}"),  # noqa: S311 - repeatable is the point
            kind,
            max(1, round(number * seconds / 600)),
            seconds,
            replicas,
        )
    ]
    return sorted(faults, key=lambda fault: fault.at)


def counted(faults: Sequence[Fault]) -> Counter[Kind]:
    """How many of each kind."""
    return Counter(fault.kind for fault in faults)


def _planned(
    random: Random, kind: Kind, number: int, seconds: float, replicas: Mapping[str, int]
) -> Iterator[Fault]:
    """Faults of one kind, one in each of as many equal stretches of time, so that they never crowd."""
    victims = [(service, replica) for service, count in replicas.items() for replica in range(count)]
    stretch = seconds * (1 - _QUIET_START - _QUIET_END) / number
    turn = random.randrange(len(_HOW[kind]))
    for position in range(number):
        target, replica = "", 0
        if kind in {Kind.KILL, Kind.FREEZE_PROCESS}:
            target, replica = random.choice(victims)
        elif kind is Kind.CONNECTIONS:
            target = random.choice(_PROXIED)
        # in turns, so that even few are of every sort
        how = _HOW[kind][(turn + position) % len(_HOW[kind])]
        lasts = round(random.uniform(*_LASTS.get(kind, (0.0, 0.0))), 2)
        at = seconds * _QUIET_START + stretch * (position + random.random())
        yield Fault(round(at, 2), kind, how, target, replica, lasts)
