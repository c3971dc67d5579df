"""What an error may say outside the house's own logs: no addresses, no values, nothing of a mail."""

import re

_LONGEST = 200
#: Values are quoted in our messages and in PostgreSQL's; an apostrophe within a word quotes nothing. One that
#: was cut has lost its closing quote, and goes on to the end.
_QUOTED = re.compile(r"(?<!\w)b?(['\"])(?:\\?.)*?(?:\1(?!\w)|\Z)", re.DOTALL)
_ADDRESS = re.compile(r"(?<!\S)\S*@\S*")
#: A mail server's words may name anybody; its codes do not.
_REPLY = re.compile(r"\b([2-5]\d\d)[ -](?:([245]\.\d{1,3}\.\d{1,3})\b)?.*")


def redacted(error: BaseException) -> str:
    """Return the first line of an error without what is quoted, addresses, and the words of SMTP replies."""
    line = (_QUOTED.sub("…", str(error)).splitlines() or [""])[0]
    line = _ADDRESS.sub("…", line)
    return _REPLY.sub(lambda match: " ".join(filter(None, (match[1], match[2], "…"))), line)[:_LONGEST]
