"""The image: its Dockerfile, what enters it, its entry point, and its steps in a clean environment."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from docker.utils import exclude_paths  # type: ignore[import-untyped]  # carries no type information

from tests.deploy.dockerfile import DOCKERFILE, ROOT, stages

_START = ROOT / "deploy/image/start.py"
_IGNORED = [
    line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line and line[0] != "#"
]


def test_the_linter_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("target", ["mailroom", "catcher"])
def test_what_is_shipped_runs_without_a_shell_as_a_user_with_a_number(target: str) -> None:
    found = stages()
    shipped, base = found[target], found[found[target].base]
    assert base.words("USER") == ["10001:10001"]
    assert shipped.words("USER") == []
    assert shipped.json("ENTRYPOINT")[0] == "python"
    assert '["python"' in shipped.words("HEALTHCHECK")[-1]
    assert shipped.words("RUN") == base.words("RUN") == []


def test_every_package_is_installed_by_its_hash() -> None:
    installs = [
        command
        for stage in stages().values()
        for words in stage.words("RUN")
        for command in words.split("&&")
        if "pip install" in command
    ]
    assert len(installs) == 3
    assert all("--require-hashes" in command and "--requirement" in command for command in installs)


@pytest.mark.parametrize("lock", ["build.lock", "catcher.lock"])
def test_the_locks_of_the_image_say_what_the_lock_for_development_says(lock: str) -> None:
    assert _pins(ROOT / "deploy/image" / lock).items() <= _pins(ROOT / "requirements-dev.lock").items()


def _pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock.read_text("utf-8"), re.MULTILINE))


def test_nothing_but_what_the_image_needs_enters_it(tmp_path: Path) -> None:
    """With the matcher of Docker's own client, on a tree that has what a developer's tree may have."""
    wanted = {
        "requirements.lock",
        "services/scheduler/scheduler.sql",
        "shared/errors.py",
        "demo/__init__.py",
        "demo/catcher/templates/list.html",
        "deploy/image/start.py",
    }
    unwanted = {
        ".git/config",
        ".env",
        ".venv/bin/python",
        ".demo/mails/new/1",
        "mailroom.toml",
        "deploy/compose/secrets/amqp_url",
        "demo/servers/postgresql.py",
        "services/scheduler/__pycache__/due.pyc",
        "tests/conftest.py",
    }
    for name in wanted | unwanted:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    entering = {name for name in exclude_paths(str(tmp_path), _IGNORED) if (tmp_path / name).is_file()}
    assert entering == wanted


def test_everything_the_dockerfile_copies_may_enter() -> None:
    sources = {
        source
        for stage in stages().values()
        for words in stage.words("COPY")
        if not words.startswith("--from")
        for source in words.split()[:-1]
    }
    allowed = [line.removeprefix("!") for line in _IGNORED if line.startswith("!")]
    assert {source for source in sources if not source.startswith((*allowed, "demo"))} == set()
    assert all((ROOT / source).exists() for source in sources)


@pytest.mark.parametrize("words", [[], ["postmaster"], ["--help"]])
def test_the_entry_point_names_the_programs_when_asked_for_another(words: list[str]) -> None:
    done = subprocess.run([sys.executable, _START, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "choose one of scheduler, report_worker, ndr_worker, mail_relay, console, mailroom" in done.stderr


def test_the_entry_point_becomes_the_program_and_keeps_its_arguments() -> None:
    command = [sys.executable, str(_START), "mailroom", "db", "--help"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        said, _ = process.communicate()
    assert process.returncode == 0
    assert "load-sample" in said


def test_process_1_ends_at_sigterm_also_before_its_program_listens_to_signals() -> None:
    own_namespace = ["unshare", "--pid", "--fork", "--kill-child"]
    if os.geteuid() != 0:
        own_namespace += ["--user", "--map-root-user"]
    if subprocess.run([*own_namespace, "true"], check=False).returncode != 0:
        pytest.skip("this user may make no process 1 (unshare --pid)")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "MAILROOM_DATABASE_URL": f"postgresql://mailroom@127.0.0.1:{silent.getsockname()[1]}/mailroom",
        }
        command = [*own_namespace, sys.executable, str(_START), "mailroom", "db", "migrate"]
        with subprocess.Popen(command, env=environment) as outside:
            connection, _ = silent.accept()
            process_1 = Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text()
            os.kill(int(process_1), signal.SIGTERM)
            try:
                assert outside.wait(20) == 128 + signal.SIGTERM
            finally:
                connection.close()
                outside.kill()
