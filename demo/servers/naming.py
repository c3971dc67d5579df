"""Names of what a sandbox makes: databases, virtual hosts and prefixes that can't be anybody else's."""

import re
import secrets

# PostgreSQL cuts names at 63 bytes, and role names add a suffix to the database's
_LONGEST_PURPOSE = 32


def sandbox_name(purpose: str) -> str:
    """Make a fresh name from a purpose.

    Args:
        purpose: why the thing is made, in any words: `demo`, `test NDR worker`.

    Returns:
        `mailroom_<purpose>_<8 hex digits>`: lower-case ASCII letters, digits and underscores only.
    """
    words = re.sub(r"[^a-z0-9]+", "_", purpose.lower()).strip("_")[:_LONGEST_PURPOSE]
    return f"mailroom_{words}_{secrets.token_hex(4)}"
