"""How the tests run: profiles of hypothesis, division among processes, no skips in CI."""

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["tests.servers", "tests.interruption"]

settings.register_profile(
    "quick", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", parent=settings.get_profile("quick"), derandomize=True)
settings.register_profile("nightly", parent=settings.get_profile("quick"), max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "quick"))


class FileByFile(LoadScopeScheduling):  # type: ignore[misc]  # it carries no types
    """Gives a file's tests to one process, and all of the browser's too: they share what they start."""

    _TOGETHER = "tests/browser/"

    def _split_scope(self, nodeid: str) -> str:
        return self._TOGETHER if nodeid.startswith(self._TOGETHER) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileByFile:
    """Have `--dist=loadscope` divide the tests so."""
    return FileByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a laptop without some server skip its tests, but fail them in CI, where it would go unnoticed."""
    report = yield
    if report.skipped and os.environ.get("CI") and item.get_closest_marker("integration"):
        report.outcome = "failed"
    return report
