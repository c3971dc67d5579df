"""`make demo` as a user runs it."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest

from demo.servers.postgresql import PostgresqlServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
ROOT = Path(__file__).parents[2]


def start_demo(**variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def left_behind(server: PostgresqlServer) -> list[str]:
    """Databases and roles of demos."""
    with psycopg.connect(server.url) as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'mailroom_demo%'"
            " UNION ALL SELECT rolname FROM pg_roles WHERE rolname LIKE 'mailroom_demo%'"
        ).fetchall()
    return [name for (name,) in rows]


def shows_everything(output: str) -> bool:
    reports = ("all-domain-pairs", "no-send-servers", "events-by-site", "failed-events-by-site")
    return all(report in output for report in reports) and "183 NDRs arrived, each once" in output


def logs_in(url: str, name: str, password: str) -> bool:
    """Whether these open the console."""
    cookies = CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    browser.open(f"{url}login/", timeout=30).close()
    token = next(cookie.value for cookie in cookies if cookie.name == "mailroom_csrf")
    form = {"username": name, "password": password, "csrfmiddlewaretoken": token, "next": "/auth/user/"}
    with browser.open(f"{url}login/", urlencode(form).encode(), timeout=30) as page:
        return bool(page.url == f"{url}auth/user/")


def test_the_demo_shows_everything_and_leaves_nothing_behind(postgresql_server: PostgresqlServer) -> None:
    with start_demo() as demo:
        output, errors = demo.communicate(timeout=120)
    assert demo.returncode == 0, errors
    assert shows_everything(output)
    assert left_behind(postgresql_server) == []


def test_a_kept_demo_opens_the_console_until_it_is_ended(postgresql_server: PostgresqlServer) -> None:
    with start_demo(KEEP="1") as demo:
        try:
            assert demo.stdout is not None
            output = ""
            for line in demo.stdout:
                output += line
                if "Ctrl-C" in line:
                    break
            assert shows_everything(output), demo.stderr and demo.stderr.read()
            (url,) = re.findall(r"the console\W+(http://\S+)", output)
            ((name, password),) = re.findall(r"user and password\W+(\w+) (\S+)", output)
            assert logs_in(url, name, password)
        finally:
            demo.send_signal(signal.SIGINT)
            demo.communicate(timeout=60)
    assert demo.returncode == 0
    assert left_behind(postgresql_server) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_behind(
    postgresql_server: PostgresqlServer, number: signal.Signals
) -> None:
    with start_demo(KEEP="1") as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "are running" in line:
                break
        demo.send_signal(number)
        try:
            demo.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            demo.terminate()  # leaving the context would wait for it for ever
            raise
    assert left_behind(postgresql_server) == []


def test_without_servers_the_demo_says_once_what_to_provide(tmp_path: Path) -> None:
    with start_demo(
        MAILROOM_DATABASE_URL="postgresql://127.0.0.1:1/x",
        MAILROOM_AMQP_URL="amqp://guest:guest@127.0.0.1:1/",
        PATH=str(tmp_path),
    ) as demo:
        output, errors = demo.communicate(timeout=60)
    assert demo.returncode != 0
    assert output == ""
    assert errors.count("demo:") == 1
    assert "MAILROOM_DATABASE_URL" in errors
    assert "MAILROOM_AMQP_URL" in errors
    assert "Traceback" not in errors
