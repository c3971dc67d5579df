"""`python -m demo.catcher`: catch mail until interrupted or terminated."""

import argparse
import signal
from pathlib import Path

from demo.catcher.catcher import Catcher


def main() -> None:
    """Run a catcher in the foreground; SIGINT and SIGTERM end it with exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m demo.catcher", description="Catch mail and show it.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--smtp-port", type=int, default=2525, help="0 for a free one (default: %(default)s)")
    parser.add_argument("--http-port", type=int, default=8025, help="0 for a free one (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="a maildir in which to keep every mail too")
    arguments = parser.parse_args()
    signals = {signal.SIGINT, signal.SIGTERM}
    # an ignored signal, as a background job's children inherit SIGINT, would never be waited for
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # blocked before any thread starts, so that they wait for sigwait here and reach no other thread
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with Catcher(
        host=arguments.host,
        smtp_port=arguments.smtp_port,
        http_port=arguments.http_port,
        folder=arguments.folder,
    ) as catcher:
        print(f"Catching mail at {catcher.smtp_url}, showing it at {catcher.http_url}", flush=True)
        signal.sigwait(signals)


if __name__ == "__main__":
    main()
