"""Makes the secrets of compose.yaml, each at random; leaves those that are there alone.

The folder is for its owner only. The files in it may be read by everybody, because each is mounted into
containers that run as users of their own, which have to read it.
"""

import secrets
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "secrets"
_DATABASE = "postgresql://mailroom_{login}:{password}@postgres:5432/mailroom"
#: The logins of logins.sql, and the file with each one's URL.
_LOGINS = {
    "migrations": "migrations_database_url",
    "service": "database_url",
    "queries": "reports_database_url",
    "web": "console_database_url",
}


def secret_files() -> dict[str, str]:
    """Return the content of each file by its name; other passwords at each call."""
    passwords = {login: secrets.token_urlsafe(24) for login in _LOGINS}
    broker = secrets.token_urlsafe(24)
    return {
        "postgres_password": secrets.token_urlsafe(24),
        **{f"{login}_password": password for login, password in passwords.items()},
        **{file: _DATABASE.format(login=login, password=passwords[login]) for login, file in _LOGINS.items()},
        "rabbitmq_login": (
            f"default_user = mailroom\ndefault_pass = {broker}\ndefault_user_tags.monitoring = true"
        ),
        "amqp_url": f"amqp://mailroom:{broker}@rabbitmq:5672/",
        "smtp_url": "smtp://catcher:2525",
        "console_password": secrets.token_urlsafe(16),
        "grafana_password": secrets.token_urlsafe(16),
        "pager_token": secrets.token_urlsafe(24),
    }


def make_secrets(folder: Path) -> bool:
    """Fill a folder, unless it is there; returns whether it was filled.

    A part of it is never made anew: a password that was used once stands in a volume.
    """
    if folder.exists():
        return False
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    unfinished.mkdir(mode=0o700, exist_ok=True)
    for name, content in secret_files().items():
        file = unfinished / name
        file.write_text(f"{content}\n", "utf-8")
        file.chmod(0o444)
    unfinished.rename(folder)
    return True


if __name__ == "__main__":
    made = make_secrets(FOLDER)
    print(f"secrets: {'made' if made else 'already there:'} {FOLDER}")
    sys.exit(0)
