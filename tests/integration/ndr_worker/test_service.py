"""The NDR worker's process as a whole."""

from collections.abc import Callable

import pytest

from services.ndr_worker.__main__ import ndr_worker
from shared.settings import Settings

pytestmark = pytest.mark.integration


def test_it_works_on_as_many_batches_at_a_time_as_it_is_told(make_settings: Callable[..., Settings]) -> None:
    service = ndr_worker(make_settings(MAILROOM_NDR__THREADS="3"))
    service.start()
    try:
        assert len(service._worker._threads) == 3
    finally:
        assert service.drain(10)
