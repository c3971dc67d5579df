"""A private PostgreSQL server from installed programs: free port, own data folder, gone afterwards."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from demo.servers.free_port import free_ports
from demo.servers.missing import ServerFailed

_PROGRAMS = ("initdb", "postgres", "pg_ctl")

#: Where Debian keeps each major version's programs; looked at only if its `pg_ctlcluster` is on PATH.
_DEBIAN_FOLDER = Path("/usr/lib/postgresql")

#: Nothing outlives the sandbox, so nothing is worth waiting for the disk.
_SERVER_OPTIONS = (
    "-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200 "
    "-c fsync=off -c full_page_writes=off -c synchronous_commit=off"
)


def program_folder(environment: Mapping[str, str]) -> Path | None:
    """Find the folder of PostgreSQL's server programs from what is on PATH, newest version first.

    Args:
        environment: only its `PATH` is read.
    """
    path = environment.get("PATH", "")
    folders: list[Path] = []
    if initdb := shutil.which("initdb", path=path):
        # a link from PATH leads to the folder where the other programs are
        folders.append(Path(initdb).resolve().parent)
    if shutil.which("pg_ctlcluster", path=path):
        versions = [each for each in _DEBIAN_FOLDER.glob("*/bin") if each.parent.name.isdigit()]
        folders += sorted(versions, key=lambda each: int(each.parent.name), reverse=True)
    return next((each for each in folders if all((each / program).exists() for program in _PROGRAMS)), None)


@dataclass(frozen=True, slots=True)
class Server:
    """A private server: may be stopped and started again, on the same port and with the same data.

    Attributes:
        url: of its maintenance database, for its superuser.
        data: its data folder.
        log: where what it says goes.
        user: whom it runs as.
        control: `pg_ctl` with what it always takes.
        options: of `postgres`.
        environment: variables it gets besides this process's own.
    """

    url: str
    data: Path
    log: Path
    user: str
    control: Sequence[str]
    options: str
    environment: Mapping[str, str]

    def start(self) -> None:
        """Start it and wait until it can be used.

        Raises:
            ServerFailed: it does not start.
        """
        options = ["--timeout=60", f"--log={self.log}", f"--options={self.options}"]
        _run([*self.control, *options, "start"], self.user, self.log, self.environment)

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop it if it runs; `immediate` is as when its machine dies: it recovers at the next start."""
        if (self.data / "postmaster.pid").exists():
            _run([*self.control, f"--mode={mode}", "stop"], self.user, self.log)


@contextmanager
def started(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run a server as `server` does; yields the URL of its maintenance database, for its superuser."""
    with server(folder, environment) as running:
        yield running.url


@contextmanager
def server(folder: Path, environment: Mapping[str, str] | None = None, options: str = "") -> Iterator[Server]:
    """Run a server with a data folder of its own.

    Args:
        folder: of the programs, from `program_folder`.
        environment: variables the server gets besides this process's own.
        options: of `postgres`, on top of ours.

    Raises:
        ServerFailed: it could not be set up or started.
    """
    with tempfile.TemporaryDirectory(prefix="mailroom-postgresql-") as home:
        user = _user()
        shutil.chown(home, user)
        data, log = Path(home, "data"), Path(home, "log")
        (port,) = free_ports(1)
        password = _initialise(folder, data, user)
        running = Server(
            url=f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres",
            data=data,
            log=log,
            user=user,
            control=[f"{folder}/pg_ctl", f"--pgdata={data}", "--wait", "--silent"],
            options=f"{_SERVER_OPTIONS} {options} -p {port}",
            environment=environment or {},
        )
        try:
            running.start()
            yield running
        finally:
            running.stop()


def _user() -> str:
    """Give the user to run as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _initialise(folder: Path, data: Path, user: str) -> str:
    """Make the data folder; give the superuser's password."""
    password, password_file = secrets.token_urlsafe(16), data.parent / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password, encoding="ascii")
    shutil.chown(password_file, user)
    options = ["--username=postgres", f"--pwfile={password_file}", "--auth=scram-sha-256"]
    _run(
        [f"{folder}/initdb", f"--pgdata={data}", *options, "--encoding=UTF8", "--no-locale", "--no-sync"],
        user,
        None,
    )
    return password


def _run(
    command: Sequence[str], user: str, log: Path | None, environment: Mapping[str, str] | None = None
) -> None:
    root = os.geteuid() == 0
    # a started server keeps its starter's standard streams; a pipe would wait for it to end
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            check=False,
            env={**os.environ, **(environment or {})},
            user=user if root else None,
            group=pwd.getpwnam(user).pw_gid if root else None,
            extra_groups=[] if root else None,
        )
        if done.returncode != 0:
            output.seek(0)
            said = output.read().decode(errors="replace")
            if log is not None and log.exists():
                said += log.read_text(errors="replace")
            raise ServerFailed(f"PostgreSQL's {Path(command[0]).name} failed; it said:\n{said[-2000:]}")
