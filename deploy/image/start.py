"""Entry point of the image: runs the program that its first argument names, as process 1."""

import os
import runpy
import signal
import sys

_SERVICES = ("scheduler", "report_worker", "ndr_worker", "mail_relay", "console")
#: What to run by each name.
_MODULES = {**{name: f"services.{name}" for name in _SERVICES}, "mailroom": "services.console.cli"}
#: The same code as every command of ours has for wrong usage.
_WRONG_USAGE = 2


def main(arguments: list[str]) -> int:
    """Run the named program; returns at once if there is none of that name."""
    name, *rest = arguments or [""]
    if name not in _MODULES:
        wrong = f"there is no program {name!r}" if name else "name a program"
        print(f"mailroom image: {wrong}; choose one of {', '.join(_MODULES)}", file=sys.stderr)
        return _WRONG_USAGE
    # The kernel keeps from process 1 what it has no handler for. A service has its own as soon as it works.
    signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
    sys.argv[1:] = rest
    runpy.run_module(_MODULES[name], run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
