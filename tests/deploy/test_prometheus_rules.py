"""promtool and amtool on what is deployed: configuration, rules, and the tests of every alert."""

import subprocess
from pathlib import Path

import pytest

from tests.deploy.scraping import NoPrometheus, find_program

pytestmark = pytest.mark.integration
_ROOT = Path(__file__).parents[2]
_ALERTMANAGER = "deploy/alertmanager/alertmanager.yml"


def _files(folder: str) -> list[str]:
    found = sorted(str(path.relative_to(_ROOT)) for path in (_ROOT / folder).glob("*.yml"))
    assert found, folder
    return found


def promtool(*arguments: str) -> str:
    return _output("promtool", "prometheus", *arguments)


def amtool(*arguments: str) -> str:
    return _output("amtool", "prometheus-alertmanager", *arguments)


def _output(name: str, package: str, *arguments: str) -> str:
    """What a program says that checks something; it must be content."""
    try:
        program = find_program(name, package)
    except NoPrometheus as error:
        pytest.skip(str(error))
    done = subprocess.run(
        [program, *arguments], cwd=_ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_and_the_rules_it_names_are_valid() -> None:
    assert "2 rule files found" in promtool("check", "config", "deploy/prometheus/prometheus.yml")
    assert "SUCCESS" in promtool("check", "rules", *_files("deploy/prometheus/rules"))


@pytest.mark.parametrize("tests", _files("deploy/prometheus/tests"), ids=lambda path: Path(path).stem)
def test_alerts_fire_when_they_should_and_are_silent_when_they_should(tests: str) -> None:
    assert "SUCCESS" in promtool("test", "rules", tests)


def test_the_configuration_of_alertmanager_is_valid() -> None:
    assert "SUCCESS" in amtool("check-config", _ALERTMANAGER)


@pytest.mark.parametrize(("severity", "receiver"), [("page", "pages"), ("ticket", "tickets")])
def test_an_alert_goes_to_who_deals_with_its_severity(severity: str, receiver: str) -> None:
    arguments = ("config", "routes", "test", f"--config.file={_ALERTMANAGER}", f"severity={severity}")
    assert amtool(*arguments).split() == [receiver]
