"""The runtime of every worker: consume, hand to threads, settle, retry, park, drain."""

from shared.worker.outcome import Poison, Retry

__all__ = ["Poison", "Retry"]
