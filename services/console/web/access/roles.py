"""What viewers, operators and administrators may do: a decision about names alone."""

from typing import Final

VIEWER: Final = "viewer"
OPERATOR: Final = "operator"
ADMIN: Final = "admin"
#: Each may do what those before it may.
ROLES: Final = (VIEWER, OPERATOR, ADMIN)

_OWN = "mailroom"
#: Everybody sees who did what.
_HISTORY = ("admin", "view_logentry")
#: Nobody deletes a user: the history refers to them. Who is to go is made inactive.
_USERS = frozenset({("auth", f"{verb}_user") for verb in ("view", "add", "change")})


def allowed(role: str, app: str, codename: str) -> bool:
    """Tell whether a role has a permission.

    Args:
        role: one of `ROLES`.
        app: label of the application the permission belongs to.
        codename: as Django stores it: `view_schedule`, `run_schedule`.
    """
    if (app, codename) == _HISTORY:
        return True
    if (app, codename) in _USERS:
        return role == ADMIN
    return app == _OWN and (codename.startswith("view_") or role != VIEWER)
