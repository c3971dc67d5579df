"""A real Alertmanager with our configuration: who is told, with which token, and what is held back."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from demo.catcher import Catcher
from demo.servers.free_port import free_ports
from tests.deploy.scraping import NoPrometheus, find_program
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]
_CONFIGURATION = Path(__file__).parents[2] / "deploy/alertmanager/alertmanager.yml"


@dataclass
class Pager:
    """Takes web hooks, and remembers which alerts came with which token."""

    pages: list[str] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    url: str = ""

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["Pager"]:
        pager = cls()

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                pager.tokens.add(self.headers["Authorization"])
                pager.pages.extend(alert["labels"]["alertname"] for alert in body["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        pager.url = f"http://127.0.0.1:{server.server_port}/alerts"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield pager
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def alertmanager(folder: Path, pager: Pager, catcher: Catcher) -> Iterator[str]:
    """Run it with our configuration, told where pager and mail server of the test are, and in a hurry."""
    try:
        program = find_program("prometheus-alertmanager", "prometheus-alertmanager")
    except NoPrometheus as error:
        pytest.skip(str(error))
    token = folder / "pager_token"
    token.write_text("secret-of-the-pager", "utf-8")
    text = _CONFIGURATION.read_text("utf-8")
    text = text.replace("http://pager.mailroom.example/alerts", pager.url)
    text = text.replace("/run/secrets/pager_token", str(token))
    text = text.replace("catcher:2525", catcher.smtp_url.removeprefix("smtp://"))
    shutil.copy(_CONFIGURATION.parent / "mail.tmpl", folder)
    configuration = folder / "alertmanager.yml"
    configuration.write_text(re.sub(r"group_wait: \w+", "group_wait: 1s", text), "utf-8")
    (port,) = free_ports(1)
    command = [
        program,
        f"--config.file={configuration}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    url = f"http://127.0.0.1:{port}"
    with (folder / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: _answers(url))
            yield url
        finally:
            process.terminate()
            process.wait(20)


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/-/ready", timeout=5):  # noqa: S310 - the test's own
            return True
    except URLError:
        return False


def tell(url: str, *alerts: tuple[str, str, dict[str, str]]) -> None:
    """Send alerts as Prometheus does: names, severities and other labels."""
    body = [
        {
            "labels": {"alertname": name, "severity": severity, **labels},
            "annotations": {
                "summary": f"What {name} means",
                "description": "Somebody waits.",
                "runbook_url": f"https://wiki.example.com/{name}.md",
            },
        }
        for name, severity, labels in alerts
    ]
    request = Request(  # noqa: S310 - the test's own
        f"{url}/api/v2/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    urlopen(request, timeout=5).close()  # noqa: S310


def test_pages_go_to_pager_and_mail_tickets_to_mail_and_symptoms_of_a_known_cause_nowhere(
    tmp_path: Path,
) -> None:
    with (
        Pager.running() as pager,
        Catcher() as catcher,
        alertmanager(tmp_path, pager, catcher) as url,
    ):
        tell(
            url,
            ("MailroomDatabaseAway", "page", {}),
            ("MailroomBouncesWaiting", "page", {}),
            ("MailroomMailInDoubt", "ticket", {}),
        )
        mails = catcher.wait_for(lambda mails: len(mails) >= 2, 20)
        wait_until(lambda: bool(pager.pages))
        assert pager.pages == ["MailroomDatabaseAway"]
        assert pager.tokens == {"Bearer secret-of-the-pager"}
        told = {(mail.rcpt_tos[0], *told_of(mail.content)) for mail in mails}
        assert told == {
            (
                "on-call@mailroom.example",
                "FIRING MailroomDatabaseAway: What MailroomDatabaseAway means",
                "https://wiki.example.com/MailroomDatabaseAway.md",
            ),
            (
                "mail-operations@mailroom.example",
                "FIRING MailroomMailInDoubt: What MailroomMailInDoubt means",
                "https://wiki.example.com/MailroomMailInDoubt.md",
            ),
        }


def test_a_service_without_the_broker_hides_its_own_symptoms_and_nobody_elses(tmp_path: Path) -> None:
    with (
        Pager.running() as pager,
        Catcher() as catcher,
        alertmanager(tmp_path, pager, catcher) as url,
    ):
        tell(
            url,
            ("MailroomBrokerAway", "page", {"job": "mailroom-report-worker"}),
            ("MailroomPublisherStuck", "page", {"job": "mailroom-report-worker"}),
            ("MailroomFiringMissed", "page", {"schedule": "daily"}),
            ("MailroomQueueWithoutConsumer", "page", {"queue": "report-commands"}),
        )
        wait_until(lambda: len(pager.pages) >= 2)
        assert sorted(pager.pages) == ["MailroomBrokerAway", "MailroomFiringMissed"]


def told_of(content: bytes) -> tuple[str, str]:
    """The subject of a mail, and where its text says that the runbook is."""
    mail = message_from_bytes(content, policy=default)
    body = mail.get_body(("plain",))
    assert body is not None
    match = re.search(r"^Runbook: (\S+)", body.get_content(), re.MULTILINE)
    assert match, body.get_content()
    return str(mail["Subject"]), match[1]
