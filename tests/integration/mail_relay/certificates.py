"""Certificates of an authority that nobody but a test trusts."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """Two files in PEM.

    Attributes:
        authority: the authority's certificate.
        server: the server's key and certificate, and the authority's.
    """

    authority: Path
    server: Path


def issue(folder: Path, *names: str) -> Certificates:
    """Make an authority and a certificate of its for a server with these names, such as `DNS:localhost`."""
    authority, authority_key = folder / "authority.pem", folder / "authority.key"
    _request(
        authority,
        authority_key,
        "/CN=test authority",
        "basicConstraints=critical,CA:TRUE",
        "keyUsage=keyCertSign",
    )
    certificate, key = folder / "certificate.pem", folder / "certificate.key"
    signed = ("-CA", str(authority), "-CAkey", str(authority_key))
    _request(certificate, key, "/CN=test server", f"subjectAltName={','.join(names)}", signed_by=signed)
    server = folder / "server.pem"
    server.write_bytes(key.read_bytes() + certificate.read_bytes() + authority.read_bytes())
    return Certificates(authority, server)


def _request(
    certificate: Path, key: Path, subject: str, *extensions: str, signed_by: tuple[str, ...] = ()
) -> None:
    added = [word for extension in extensions for word in ("-addext", extension)]
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key)]
    subprocess.run(
        ["openssl", "req", "-x509", "-subj", subject, *signed_by, *new_key, *added, "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
