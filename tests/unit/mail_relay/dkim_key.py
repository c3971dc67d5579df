"""A DKIM key whose record stands in a DNS of the test's own."""

import subprocess
from pathlib import Path

import dkim

from shared.settings.relay import DkimSettings


def make_key(path: Path) -> DkimSettings:
    """Make a key in a file, and the settings that sign with it."""
    openssl("genrsa", "-out", str(path), "2048")
    return DkimSettings(domain="example.com", selector="mailroom", key_file=path)


def is_valid(message: bytes, settings: DkimSettings) -> bool:
    """Whether a message has a valid signature of the key of these settings."""
    public = openssl("rsa", "-in", str(settings.key_file), "-pubout").splitlines()
    record = b"v=DKIM1; k=rsa; p=" + b"".join(public[1:-1])
    names = {f"{settings.selector}._domainkey.{settings.domain}.".encode(): record}
    return bool(dkim.verify(message, dnsfunc=lambda name, timeout=5: names.get(name)))


def openssl(*arguments: str) -> bytes:
    """Run openssl and return what it prints."""
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout
