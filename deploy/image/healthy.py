"""Health check of the image: exits 0 when the service in this container answers well, else 1.

`healthy.py [livez|readyz]`; without a word, livez. The port is that of `MAILROOM_HTTP_PORT`: in a container
set it there, not in mailroom.toml.
"""

import http.client
import os
import sys
from http import HTTPStatus

_DEFAULT_PORT = "9464"
_SECONDS = 4


def main(page: str = "livez") -> int:
    """Ask the service."""
    port = int(os.environ.get("MAILROOM_HTTP_PORT", _DEFAULT_PORT))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", f"/{page}")
        answer = connection.getresponse()
        print(answer.read().decode("utf-8", "replace").strip())
    except OSError as error:
        print(f"nobody answers on port {port}: {error}")
        return 1
    return 0 if answer.status == HTTPStatus.OK else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
