"""What a jumping clock needs."""

from pathlib import Path

import pytest

from tests import debian_packages
from tests.chaos.clock import faketime_library


@pytest.fixture(scope="session")
def faketime() -> Path:
    """The library libfaketime; CI's root installs it."""
    if faketime_library() is None and debian_packages.may_install():
        debian_packages.install("libfaketime")
    library = faketime_library()
    if library is None:
        pytest.skip("no clock can jump: libfaketime is not installed (Debian: apt install libfaketime)")
    return library
