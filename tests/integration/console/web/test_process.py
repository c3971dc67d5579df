"""The console as a process: it starts when all is in order, goes on, and drains."""

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar
from urllib.parse import urlencode

import psycopg
import pytest

from demo.fleet import Fleet, ServiceProcess
from demo.roles import acting_as
from demo.servers.free_port import free_ports
from demo.servers.rabbitmq import Broker
from shared.settings import Settings
from tests.servers import environment
from tests.waiting import wait_until

pytestmark = pytest.mark.integration
PASSWORD = "correct horse battery"


class Visitor:
    """A browser's stand-in that speaks HTTP."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._cookies = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))

    def get(self, address: str) -> int:
        return self._open(urllib.request.Request(self._base + address))

    def log_in(self, name: str, password: str) -> int:
        self.get("/login/")
        token = next(cookie.value for cookie in self._cookies if cookie.name == "mailroom_csrf")
        form = {
            "username": name,
            "password": password,
            "next": "/password_change/",
            "csrfmiddlewaretoken": token,
        }
        return self._open(urllib.request.Request(f"{self._base}/login/", urlencode(form).encode()))

    def _open(self, request: urllib.request.Request) -> int:
        try:
            with self._opener.open(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code


@pytest.fixture(scope="module")
def variables(
    console: Settings, virtual_host: Broker, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Settings of the process, which acts as the console's role; a first administrator comes from a file."""
    password = tmp_path_factory.mktemp("secrets") / "password"
    password.write_text(PASSWORD + "\n")
    (port,) = free_ports(1)
    return environment(
        console.database_url,
        virtual_host,
        MAILROOM_DATABASE_URL=acting_as(console.database_url, "console"),
        MAILROOM_CONSOLE__PORT=str(port),
        MAILROOM_CONSOLE__URL=f"http://localhost:{port}",
        MAILROOM_CONSOLE__ADMIN_NAME="root",
        MAILROOM_CONSOLE__ADMIN_PASSWORD_FILE=str(password),
    )


@pytest.fixture(scope="module")
def process(variables: dict[str, str]) -> Iterator[ServiceProcess]:
    with Fleet(variables) as fleet:
        process = fleet.start("console")
        fleet.wait_ready()
        yield process


@pytest.fixture
def visitor(process: ServiceProcess, variables: dict[str, str]) -> Visitor:
    return Visitor(variables["MAILROOM_CONSOLE__URL"])


def run(variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.console", *arguments],
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_first_administrator_comes_from_the_settings_and_logs_in(visitor: Visitor) -> None:
    assert visitor.log_in("root", "wrong password") == 200
    assert visitor.get("/auth/user/") == 200  # the login page
    assert visitor.log_in("root", PASSWORD) == 200
    assert visitor.get("/mailroom/site/") == 200


def test_health_and_metrics_need_no_login_and_stand_on_their_own_port(
    process: ServiceProcess, visitor: Visitor
) -> None:
    visitor.get("/login/")
    assert process.ready()
    assert 'mailroom_console_requests_total{method="GET",status="200"}' in process.metrics()
    assert visitor.get("/no/such/page") == 200  # the login page, again
    assert PASSWORD not in process.log.read_text()


def test_the_console_goes_on_after_the_database_cut_its_connections(
    visitor: Visitor, database: psycopg.Connection
) -> None:
    visitor.log_in("root", PASSWORD)
    cut = database.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name = 'mailroom console' AND datname = current_database()"
        " AND query NOT LIKE '%console_signing_key%' AND pid <> pg_backend_pid()"
    ).fetchone()
    assert cut is not None
    assert cut[0] > 0
    assert visitor.get("/mailroom/site/") == 200


def test_sigterm_lets_a_page_in_progress_end(
    process: ServiceProcess, visitor: Visitor, database: psycopg.Connection
) -> None:
    visitor.log_in("root", PASSWORD)
    with ThreadPoolExecutor(1) as browser, psycopg.connect(database.info.dsn) as in_the_way:
        in_the_way.execute("LOCK TABLE mailroom.site")
        page = browser.submit(visitor.get, "/mailroom/site/")
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'mailroom.site'::regclass"
        wait_until(lambda: database.execute(waiting).fetchone() == (1,))
        process.process.terminate()
        wait_until(lambda: "service-draining" in process.log.read_text())
        assert not page.done()
        in_the_way.rollback()
        assert page.result(20) == 200
    assert process.process.wait(20) == 0


def test_check_finds_all_in_order(variables: dict[str, str]) -> None:
    answer = run(variables, "--check")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "in order" in answer.stdout


def test_without_its_own_tables_the_console_says_what_to_run(
    variables: dict[str, str], database_url: str
) -> None:
    answer = run({**variables, "MAILROOM_DATABASE_URL": database_url}, "--check")
    assert answer.returncode == 78
    assert "console.auth.0001_initial" in answer.stderr
    assert "run: mailroom db migrate" in answer.stderr
    assert "Traceback" not in answer.stderr
