"""A private Postfix: Debian's programs, with folders, ports, certificate and users of the test's own."""

import base64
import os
import pwd
import re
import shutil
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.servers.free_port import free_ports
from shared.errors import MailroomError
from tests import debian_packages
from tests.integration.mail_relay.certificates import Certificates, issue

#: Announced by SIZE.
SIZE_LIMIT = 100_000
#: Accepted; not now (450 4.2.1); all others of example.org are unknown (550 5.1.1).
MAILBOX, DEFERRED = "ann@example.org", "cid@example.org"
USER, PASSWORD = "relay", "s\N{LATIN SMALL LETTER E WITH ACUTE}:cret"

#: So that no service of the system's is started.
_UNCONFIGURED = "postfix postfix/main_mailer_type select No configuration"
_FOLDERS = ("conf", "queue", "data", "mail", "tls")
_NOBODY = pwd.getpwnam("nobody")
_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = mx.example.org
mydestination =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
virtual_mailbox_domains = example.org
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{ {{{mailbox}=ann/}}, {{{deferred}=cid/}} }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_mailbox_limit = 0
message_size_limit = {size_limit}
smtpd_tls_chain_files = {certificates.server}
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{users_port}
smtpd_client_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions =
    check_recipient_access inline:{{ {{{deferred}=450 4.2.1 mailbox busy}} }},
    reject_unauth_destination, reject_unlisted_recipient
"""
# smtpd tells each command in the log with -v
_MASTER = """
127.0.0.1:{submission} inet n - n - - smtpd -v
127.0.0.1:{submissions} inet n - n - - smtpd -v -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
tlsmgr unix - - n - 1 tlsmgr
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


class NoPostfix(MailroomError):
    """There is no Postfix that could be run; the message says what to do."""


@dataclass(frozen=True)
class Postfix:
    """A Postfix that runs.

    Attributes:
        submission: port with STARTTLS.
        submissions: port with TLS from the first octet.
        authority: certificate of the authority that its certificate comes from.
        folder: where everything of it is.
    """

    submission: int
    submissions: int
    authority: Path
    folder: Path

    def delivered(self, count: int) -> list[bytes]:
        """Wait for so many mails in the mailbox, in order of arrival, and return them with LF lines."""
        new = self.folder / "mail" / "ann" / "new"
        _wait_until(lambda: new.is_dir() and len(list(new.iterdir())) >= count)
        return [path.read_bytes() for path in sorted(new.iterdir(), key=lambda path: path.stat().st_mtime_ns)]

    def commands(self) -> list[str]:
        """Every command that clients have sent, once those who sent them are gone."""
        _wait_until(lambda: self._log().count(": connect from ") == self._log().count(": disconnect from "))
        return re.findall(r"smtpd\[\d+\]: < [^:]+: (.*)", self._log())

    def has_started(self) -> bool:
        """Whether it listens."""
        return ": daemon started " in self._log()

    def forget(self) -> None:
        """Empty the mailbox and the log."""
        for path in (self.folder / "mail").glob("*/*/*"):
            path.unlink()
        (self.folder / "log").write_bytes(b"")

    def _log(self) -> str:
        log = self.folder / "log"
        return log.read_text("utf-8", "replace") if log.exists() else ""


@contextmanager
def private_postfix() -> Iterator[Postfix]:
    """Run Postfix for a while, and leave nothing behind.

    Raises:
        NoPostfix: it is not installed, or we may not run it.
    """
    command = _find_postfix()
    with _folder() as folder, _users() as users_port:
        submission, submissions = free_ports(2)
        certificates = issue(folder / "tls", "DNS:localhost")
        _configure(folder, certificates, users_port, submission, submissions)
        postfix = Postfix(submission, submissions, certificates.authority, folder)
        program = [command, "-c", str(folder / "conf")]
        # in the foreground, so that it is our child and no zombie stays
        with subprocess.Popen([*program, "start-fg"], stderr=subprocess.DEVNULL) as process:
            try:
                _wait_until(postfix.has_started)
                yield postfix
            finally:
                subprocess.run([*program, "stop"], check=False, timeout=60, stderr=subprocess.DEVNULL)
                process.wait(timeout=60)


def _find_postfix() -> str:
    path = f"{os.environ['PATH']}:/usr/sbin"
    if os.geteuid() != 0:
        raise NoPostfix(
            "only root may run Postfix's master: run this test as root, for instance in a container"
        )
    if shutil.which("postfix", path=path) is None and debian_packages.may_install():
        debian_packages.install("postfix", _UNCONFIGURED)
    if (command := shutil.which("postfix", path=path)) is None:
        raise NoPostfix("Postfix is not installed: apt-get install postfix (configuration: none)")
    return command


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that Postfix's own user gets into, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="mailroom_postfix_") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for each in _FOLDERS:
            (folder / each).mkdir()
        shutil.chown(folder / "data", "postfix")
        shutil.chown(folder / "mail", _NOBODY.pw_uid, _NOBODY.pw_gid)
        yield folder


def _configure(
    folder: Path, certificates: Certificates, users_port: int, submission: int, submissions: int
) -> None:
    main = _MAIN.format(
        folder=folder,
        certificates=certificates,
        users_port=users_port,
        mailbox=MAILBOX,
        deferred=DEFERRED,
        size_limit=SIZE_LIMIT,
        uid=_NOBODY.pw_uid,
        gid=_NOBODY.pw_gid,
    )
    (folder / "conf" / "main.cf").write_text(main)
    master = _MASTER.format(submission=submission, submissions=submissions)
    (folder / "conf" / "master.cf").write_text(master)


class _PasswordCheck(socketserver.StreamRequestHandler):
    """Dovecot's authentication protocol, as far as Postfix speaks it for AUTH PLAIN."""

    def handle(self) -> None:
        self.wfile.write(b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n")
        for line in self.rfile:
            verb, *fields = line.rstrip(b"\n").split(b"\t")
            if verb == b"AUTH":
                response = next(field[5:] for field in fields if field.startswith(b"resp="))
                right = base64.b64decode(response).decode() == f"\0{USER}\0{PASSWORD}"
                self.wfile.write(
                    b"%s\t%s\tuser=%s\n" % (b"OK" if right else b"FAIL", fields[0], USER.encode())
                )


class _Users(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def _users() -> Iterator[int]:
    """The port where Postfix asks who a user is."""
    with _Users(("127.0.0.1", 0), _PasswordCheck) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def _wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < until, "Postfix has not got so far after 20 s"
        pause.wait(0.02)
