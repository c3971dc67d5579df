"""SMTP replies (RFC 5321 section 4.2): what they say of a recipient, and how they are kept for people."""

import re
from dataclasses import dataclass
from enum import StrEnum

#: How much of a reply is kept; a remote server chooses its length, and nobody reads further.
MAX_REPLY_CHARACTERS = 4000

_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?![.\d])", re.ASCII)
#: PostgreSQL cannot keep NUL; the other controls have no business in a reply.
_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ")


class Verdict(StrEnum):
    """What became of one recipient in one attempt; the ledger's states of a closed attempt."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's reply.

    Attributes:
        code: basic reply code; -1 when the line began with none.
        lines: the text of each line, without codes and controls; at least one.
    """

    code: int
    lines: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """2yz delivered, 5yz failed; anything else is worth another attempt."""
        return {2: Verdict.DELIVERED, 5: Verdict.FAILED}.get(self.code // 100, Verdict.DEFERRED)

    @property
    def accepted(self) -> bool:
        """Whether the server did what it was asked to."""
        return self.verdict is Verdict.DELIVERED

    @property
    def enhanced_status(self) -> str | None:
        """The enhanced status code that opens the text (RFC 2034), if its class is the basic code's."""
        match = _STATUS.match(self.lines[0])
        return match[0] if match and match[0][0] == str(self.code)[0] else None

    @property
    def transcript(self) -> str:
        r"""The reply as the server wrote it, lines joined by `\n`: `550-5.1.1 no\n550 5.1.1 such user`."""
        *first, last = self.lines
        text = "\n".join([*(f"{self.code}-{line}" for line in first), f"{self.code} {last}"])
        return text[:MAX_REPLY_CHARACTERS]


def read_reply(code: int, text: bytes) -> Reply:
    """Make a reply of what `smtplib.SMTP.getreply` returns: a code, and the lines' texts joined by LF."""
    kept = text[: 4 * MAX_REPLY_CHARACTERS].decode("utf-8", "replace")
    return Reply(code, tuple(line.translate(_CONTROLS).strip() for line in kept.split("\n")))
