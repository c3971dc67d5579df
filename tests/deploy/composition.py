"""The compose file as an engine reads it, and what its containers get, in a place of the test's own."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import yaml

from deploy.compose.make_secrets import make_secrets
from tests.deploy.dockerfile import ROOT

FOLDER = ROOT / "deploy/compose"
FILE = FOLDER / "compose.yaml"
SERVICES = ("scheduler", "report_worker", "ndr_worker", "mail_relay", "console")
_IN_CONTAINER = Path("/run/secrets")


def composition() -> dict[str, Any]:
    """The file with its anchors and merges put in, and its variables' defaults."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", FILE.read_text("utf-8"))
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def environment_of(service: str, secrets: Path) -> dict[str, str]:
    """A service's MAILROOM_* variables, with the paths of this machine in place of the container's."""
    variables = composition()["services"][service]["environment"]
    places = {"/etc/mailroom.toml": str(FOLDER / "mailroom.toml"), f"{_IN_CONTAINER}/": f"{secrets}/"}
    return {name: _replaced(str(value), places) for name, value in variables.items()}


def _replaced(text: str, places: dict[str, str]) -> str:
    for place, ours in places.items():
        text = text.replace(place, ours)
    return text


@dataclass(frozen=True)
class Prepared:
    """An empty database with the logins of logins.sql, and secrets that lead to it."""

    secrets: Path

    @classmethod
    def on(cls, database_url: str, amqp_url: str, secrets: Path) -> "Prepared":
        make_secrets(secrets)
        database = urlsplit(database_url).path.lstrip("/")
        for file in secrets.iterdir():
            file.chmod(0o644)
        for file in secrets.glob("*database_url"):
            file.write_text(_led_to(file.read_text("utf-8").strip(), database_url, database))
        (secrets / "amqp_url").write_text(amqp_url)
        secrets.chmod(0o755)
        logins = (FOLDER / "logins.sql").read_text("utf-8").replace(str(_IN_CONTAINER), str(secrets))
        command = ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={database_url}"]
        subprocess.run(command, input=logins, text=True, check=True, capture_output=True)
        return cls(secrets)


def _led_to(url: str, database_url: str, database: str) -> str:
    """The same login and password, at the test's server and database."""
    login = urlsplit(url)
    server = urlsplit(database_url)
    user = str(login.username).replace("mailroom", database, 1)
    host = (server.hostname or "") + (f":{server.port}" if server.port else "")
    return urlunsplit(("postgresql", f"{user}:{login.password}@{host}", f"/{database}", server.query, ""))
