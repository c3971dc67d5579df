"""The web console's process: `python -m services.console`."""

import sys

from services.console.web.service import WebConsole, check_console
from shared.worker.process import run_service

if __name__ == "__main__":
    sys.exit(run_service("console", WebConsole, check=check_console))
