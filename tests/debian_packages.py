"""Debian packages that tests need besides the servers: installed by CI's root, else asked for."""

import os
import shutil
import subprocess


def may_install() -> bool:
    """Whether packages may be installed here: in CI, by root, with apt-get. Nobody's laptop is changed."""
    return bool(os.environ.get("CI")) and os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(package: str, *choices: str) -> None:
    """Install a package without those it only recommends.

    Args:
        package: its name.
        choices: answers to questions it asks, as `debconf-set-selections` takes them.

    Raises:
        subprocess.CalledProcessError: it cannot be installed.
    """
    if choices:
        subprocess.run(["debconf-set-selections"], input="\n".join(choices).encode(), check=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt_get = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
    subprocess.run([*apt_get, "update"], check=True, env=environment)
    command = [*apt_get, "install", "--yes", "--no-install-recommends", package]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
