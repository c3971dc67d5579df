"""The composition: valid, confined, nothing published or secret that should not be, and its check."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.servers.rabbitmq import Broker
from deploy.compose.make_secrets import make_secrets, secret_files
from shared.settings import load_settings
from tests.acceptance.house import house
from tests.deploy.composition import FILE, FOLDER, SERVICES, composition, environment_of
from tests.deploy.dockerfile import ROOT
from tests.servers import environment

_OURS = {*SERVICES, "migrate", "mailroom", "catcher"}
#: They end when they have done their work; their exit code says how they are.
_ONE_SHOT = {"migrate", "mailroom"}
_PUBLISHED = {"console", "catcher", "grafana"}
_SCALED = {"scheduler", "report_worker", "ndr_worker", "mail_relay"}

Service = dict[str, Any]
_ALL: dict[str, Service] = composition()["services"]
every_service = pytest.mark.parametrize("name", sorted(_ALL))


def test_the_file_is_valid_against_the_compose_specification() -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    check = [str(program), "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@every_service
def test_every_container_is_confined(name: str) -> None:
    service = _ALL[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "ipc", "network_mode", "container_name"} & service.keys()
    assert {"cpus", "memory", "pids"} <= service["deploy"]["resources"]["limits"].keys()


@every_service
def test_every_container_is_watched(name: str) -> None:
    check = _ALL[name]["healthcheck"]
    assert check == {"disable": True} if name in _ONE_SHOT else check["test"][0] == "CMD"


@every_service
def test_only_pages_for_people_are_published_and_only_on_this_machine(name: str) -> None:
    ports = _ALL[name].get("ports", [])
    assert bool(ports) == (name in _PUBLISHED)
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)


@every_service
def test_no_image_is_whatever_is_the_latest(name: str) -> None:
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?", _ALL[name]["image"])


@every_service
def test_no_secret_is_in_an_environment(name: str) -> None:
    variables: dict[str, str] = _ALL[name].get("environment", {})
    telling = re.compile(r"PASS|TOKEN|SECRET|(?<!CONSOLE_)_URL", re.IGNORECASE)
    secret = {key: str(value) for key, value in variables.items() if telling.search(key)}
    assert all(value.startswith("/run/secrets/") for value in secret.values())


@every_service
def test_every_secret_is_given_to_who_reads_it_and_to_nobody_else(name: str) -> None:
    service = _ALL[name]
    given = {each if isinstance(each, str) else each["source"] for each in service.get("secrets", [])}
    targets = {each["target"] for each in service.get("secrets", []) if isinstance(each, dict)}
    read = {
        str(value).removeprefix("/run/secrets/")
        for value in service.get("environment", {}).values()
        if str(value).startswith("/run/secrets/")
    }
    if name in _OURS:
        assert given == read
    assert read <= given <= composition()["secrets"].keys()
    assert targets <= {"/etc/rabbitmq/conf.d/90-login.conf"}


def test_services_start_when_what_they_stand_on_is_healthy_and_migrated() -> None:
    for name in SERVICES:
        assert _ALL[name]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"},
            "postgres": {"condition": "service_healthy"},
            "rabbitmq": {"condition": "service_healthy"},
        }
    assert _ALL["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_what_is_scaled_has_no_name_and_no_port_of_its_own() -> None:
    for name in _SCALED:
        assert not {"container_name", "ports", "hostname"} & _ALL[name].keys()


def test_servers_of_data_cannot_be_reached_from_outside() -> None:
    networks = composition()["networks"]
    inside = {name for name, network in networks.items() if network.get("internal")}
    assert inside == {"database", "broker", "monitoring"}
    for name in ("postgres", "rabbitmq", "prometheus", *(_SCALED - {"mail_relay"})):
        assert set(_ALL[name]["networks"]) <= inside
    assert "database" not in _ALL["catcher"]["networks"]


def test_work_in_flight_is_finished_before_docker_kills() -> None:
    settings = load_settings(FOLDER / "mailroom.toml", {})
    for name in SERVICES:
        grace = float(_ALL[name]["stop_grace_period"].removesuffix("s"))
        assert grace >= settings.worker.drain_timeout.total_seconds() + 30


def test_everything_mounted_is_there() -> None:
    for name, service in _ALL.items():
        for mount in service.get("volumes", []):
            source, _, rest = mount.partition(":")
            if source.startswith("."):
                assert (FOLDER / source).exists(), f"{name}: {source}"
                assert rest.endswith(":ro"), f"{name}: {mount}"
            else:
                assert source in composition()["volumes"]


def test_whoever_prometheus_asks_can_be_reached() -> None:
    prometheus = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    asked = {
        name
        for job in prometheus["scrape_configs"]
        for found in job.get("dns_sd_configs", [])
        for name in found["names"]
    }
    asked |= {
        target.partition(":")[0]
        for job in prometheus["scrape_configs"]
        for static in job.get("static_configs", [])
        for target in static["targets"]
    }
    assert set(SERVICES) | {"rabbitmq"} <= asked
    for name in asked - {"localhost"}:
        assert "monitoring" in _ALL[name]["networks"]


@pytest.fixture
def secrets_folder(tmp_path: Path) -> Path:
    assert make_secrets(tmp_path / "secrets")
    return tmp_path / "secrets"


def test_every_secret_is_made_and_none_is_made_twice(secrets_folder: Path) -> None:
    files = {Path(secret["file"]).name for secret in composition()["secrets"].values()}
    assert files == secret_files().keys() == {file.name for file in secrets_folder.iterdir()}
    before = (secrets_folder / "amqp_url").read_text("utf-8")
    assert not make_secrets(secrets_folder)
    assert (secrets_folder / "amqp_url").read_text("utf-8") == before
    assert stat.S_IMODE(secrets_folder.stat().st_mode) == 0o700


def test_secrets_are_other_ones_each_time() -> None:
    first, second = secret_files(), secret_files()
    assert [name for name in first if first[name] == second[name]] == ["smtp_url"]


def test_git_and_the_image_leave_secrets_out() -> None:
    assert "deploy/compose/secrets*/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()


@pytest.mark.parametrize("name", sorted({*SERVICES, *_ONE_SHOT}))
def test_every_service_takes_its_settings(name: str, secrets_folder: Path) -> None:
    settings = load_settings(None, environment_of(name, secrets_folder))
    assert settings.database_url.startswith("postgresql://mailroom_")
    assert settings.amqp_url[0].endswith("@rabbitmq:5672/")
    assert settings.host_name == "mx1.mailroom.example"


_STAND_IN = """
import os, subprocess, sys
words = sys.argv[1:]
if words[0] != "run":
    sys.exit(0)
mounts = [words[at + 1].split(":") for at, word in enumerate(words) if word == "--volume"]
places = {inside: outside for outside, inside, _ in mounts}
command = words[words.index("mailroom") + 1 :]
command = [places.get(word, word) for word in command]
sys.exit(subprocess.call([sys.executable, "-m", "services.console.cli", *command]))
"""


@pytest.mark.integration
def test_the_check_passes_where_mails_arrive_and_fails_where_they_do_not(
    tmp_path: Path, database_url: str, broker: Broker
) -> None:
    """check.py itself, with a stand-in for `docker compose` that runs `mailroom` on this machine."""
    (tmp_path / "compose.py").write_text(_STAND_IN, "utf-8")
    with house(database_url, broker) as place:
        given = {
            **environment(database_url, broker),
            "PYTHONPATH": str(ROOT),
            "COMPOSE_COMMAND": f"{sys.executable} {tmp_path / 'compose.py'}",
            "CATCHER_PORT": str(place.catcher.http_port),
        }
        # Given nobody who would do the work: it says what has not come
        said = _checked(1, given, CHECK_SECONDS="0")
        assert "the report all-domain-pairs did not arrive" in said

        # When the services run, it sees both mails
        for name in ("scheduler", "report_worker", "ndr_worker", "mail_relay"):
            place.fleet.start(name)
        said = _checked(0, given, CHECK_SECONDS="60")
        assert "both arrived" in said
    # Without a catcher it says so at once
    assert "the catcher does not answer" in _checked(1, given)


def _checked(code: int, given: dict[str, str], **variables: str) -> str:
    """Run the check, which must end with a code; returns what it said."""
    done = subprocess.run(
        [sys.executable, FOLDER / "check.py"],
        env={**os.environ, **given, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout
