"""Acting as one of the least-privilege roles without a login of its own."""

from urllib.parse import quote, urlsplit


def acting_as(database_url: str, role: str) -> str:
    """Return the URL with which every session of a privileged login acts as a role of the database.

    Args:
        database_url: of a login that is a member of the role (or superuser).
        role: `owner`, `worker` or `reports`.
    """
    database = urlsplit(database_url).path.lstrip("/")
    separator = "&" if urlsplit(database_url).query else "?"
    return f"{database_url}{separator}options={quote(f'-c role={database}_{role}')}"
