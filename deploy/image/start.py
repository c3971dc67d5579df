"""Entry point of the image: becomes the program that its first argument names.

It replaces itself, so that the program is process 1 and SIGTERM reaches it.
"""

import os
import sys

_SERVICES = ("scheduler", "report_worker", "ndr_worker", "mail_relay", "console")
#: What to run by each name.
_MODULES = {**{name: f"services.{name}" for name in _SERVICES}, "mailroom": "services.console.cli"}
#: The same code as every command of ours has for wrong usage.
_WRONG_USAGE = 2


def main(arguments: list[str]) -> int:
    """Become the named program; returns only if there is none of that name."""
    name, *rest = arguments or [""]
    if name in _MODULES:
        os.execv(sys.executable, [sys.executable, "-m", _MODULES[name], *rest])  # noqa: S606 - no shell in between
    wrong = f"there is no program {name!r}" if name else "name a program"
    print(f"mailroom image: {wrong}; choose one of {', '.join(_MODULES)}", file=sys.stderr)
    return _WRONG_USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
