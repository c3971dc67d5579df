"""What viewers, operators and administrators may do: a decision about names alone."""

from typing import Final

VIEWER: Final = "viewer"
OPERATOR: Final = "operator"
ADMIN: Final = "admin"
#: Each may do what those before it may.
ROLES: Final = (VIEWER, OPERATOR, ADMIN)

_OWN = "mailroom"


def allowed(role: str, app: str, codename: str) -> bool:
    """Tell whether a role has a permission.

    Args:
        role: one of `ROLES`.
        app: label of the application the permission belongs to.
        codename: as Django stores it: `view_schedule`, `run_schedule`.
    """
    if role == ADMIN:
        return True
    if app != _OWN:
        return False
    return codename.startswith("view_") or role == OPERATOR
