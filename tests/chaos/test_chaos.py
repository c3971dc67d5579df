"""The fault injection suite in half a minute, with one plan always; `make chaos` makes another each time."""

import pytest

from demo.servers.missing import ServersMissing
from tests.chaos.__main__ import suite

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
SEED, SECONDS = 20261121, 30


@pytest.mark.usefixtures("faketime")
def test_nothing_is_lost_and_nothing_comes_twice_whatever_goes_wrong() -> None:
    try:
        assert suite(SEED, SECONDS), f"see above; again: CHAOS_SEED={SEED} CHAOS_SECONDS={SECONDS} make chaos"
    except ServersMissing as missing:
        pytest.skip(str(missing))
