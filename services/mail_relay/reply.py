"""SMTP replies (RFC 5321 section 4.2): what they say of a recipient, and how they are kept for people."""

import re
from dataclasses import dataclass
from enum import StrEnum

#: How much of a reply is kept; a remote server chooses its length, and nobody reads further.
MAX_REPLY_CHARACTERS = 4000

#: RFC 5321 section 4.2; other first digits mean nothing, and after a 1yz another reply would follow.
_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*)|\r?)", re.DOTALL)
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?![.\d])", re.ASCII)
#: PostgreSQL cannot keep NUL; the other controls have no business in a reply.
_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ")


class Verdict(StrEnum):
    """What became of one recipient in one attempt; the ledger's states of a closed attempt."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    FAILED = "failed"
    #: in doubt, and an operator's to decide
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's reply.

    Attributes:
        code: basic reply code; -1 of what is no reply.
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
    def asks_for_more(self) -> bool:
        """Whether the server waits for what belongs to the command (3yz)."""
        return self.code // 100 == 3  # noqa: PLR2004 - RFC 5321 section 4.2.1

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


def read_reply(received: bytes) -> tuple[Reply, bytes] | None:
    """Read a reply from what a server has sent so far, which may be anything.

    Args:
        received: from the reply's first octet on.

    Returns:
        The reply and the octets behind it, or None while its last line has not come. The code is that of the
        last line, and -1 from the first line on that is none of a reply.
    """
    texts: list[str] = []
    begin = 0
    while (end := received.find(b"\n", begin)) >= 0:
        line = _LINE.fullmatch(received, begin, end)
        text = (line[3] or b"") if line else received[begin:end]
        texts.append(text[: 4 * MAX_REPLY_CHARACTERS].decode("utf-8", "replace").translate(_CONTROLS).strip())
        begin = end + 1
        if line is None or line[2] != b"-":
            return Reply(int(line[1]) if line else -1, tuple(texts)), received[begin:]
    return None
