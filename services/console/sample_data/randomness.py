"""Repeatable randomness: each subject has its own stream, so that changing one leaves the others be."""

from random import Random
from uuid import UUID


def stream(seed: int, subject: str) -> Random:
    """A generator that yields the same numbers for the same seed and subject, in every process."""
    return Random(f"{seed}/{subject}")  # noqa: S311 - repeatable on purpose; nothing here is a secret


def random_uuid(random: Random) -> UUID:
    """A version 4 UUID from a repeatable stream."""
    return UUID(int=random.getrandbits(128), version=4)
