"""The W3C `traceparent` header, and the trace that an id stands for. Pure, and for input from anywhere.

The trace of a piece of work follows from its id, which it has before it starts: whoever does it again, from a
row or from a message without a header, goes on in the same trace. `tracestate` and `baggage` are not read.
"""

import hashlib
import re
from dataclasses import dataclass

#: The one header that carries a trace, on commands and mails.
TRACEPARENT = "traceparent"

_HEX = r"[0-9a-f]"
#: Version 00 ends here; a later one may go on behind a hyphen. ff is no version (W3C Trace Context 3.2.2.1).
_HEADER = re.compile(rf"(?!ff)({_HEX}{{2}})-({_HEX}{{32}})-({_HEX}{{16}})-({_HEX}{{2}})(-.*)?", re.DOTALL)
#: Later versions are read as far as they are known; what is longer than this is no such thing.
_LONGEST = 512
_UUID = rf"({_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}})"
#: A run, the first poll of a chain, a mail of a run or an NDR: RUN, POLL.0, report.RUN, ndr.NDR.
_WORK = re.compile(rf"(?:(?:report|report-failure|ndr)\.)?{_UUID}(?:\.0)?")


@dataclass(frozen=True, slots=True)
class Traceparent:
    """Where a trace goes on: its id, the id of the span that caused what follows, and its flags."""

    trace_id: int
    span_id: int
    flags: int

    def __str__(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.flags:02x}"


def parse_traceparent(header: object) -> Traceparent | None:
    """Read a header as it came; None for whatever is not one.

    Args:
        header: of any type, from anybody.
    """
    if not isinstance(header, str) or len(header) > _LONGEST:
        return None
    match = _HEADER.fullmatch(header)
    if match is None or (match[1] == "00" and match[5]):
        return None
    trace_id, span_id, flags = (int(match[number], 16) for number in (2, 3, 4))
    return Traceparent(trace_id, span_id, flags) if trace_id and span_id else None


def trace_id_of(identity: str) -> int:
    """Return the trace that a message id stands for: the UUID in it, where it is one piece of work's alone.

    Args:
        identity: `RUN_ID`, `POLL_ID.HOP`, `report.RUN_ID`, `ndr.NDR_ID` or any other text. A further hop of a
            chain of polls has a trace of its own, as a backlog would make that of the chain endless.
    """
    match = _WORK.fullmatch(identity)
    octets = match[1].replace("-", "") if match else ""
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return int(octets or digest, 16) or int(digest, 16)
