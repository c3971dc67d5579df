"""A place that a server can come from, chosen before anything slow is started."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, TypeVar

Server = TypeVar("Server")


@dataclass(frozen=True, slots=True)
class Source(Generic[Server]):
    """How to have one server: entering `open()` starts it if need be, leaving it stops what was started."""

    open: Callable[[], AbstractContextManager[Server]]
