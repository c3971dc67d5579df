"""`report.run/1`: run one report, for one scope, as of one nominal time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Self

from shared.wire.fields import WireError, pack, take, take_optional, take_time, unpack

_SCOPES = frozenset({"bot", "site"})
_REQUESTERS = frozenset({"schedule", "operator"})


@dataclass(frozen=True, slots=True)
class ReportRun:
    """A command to the report worker."""

    TYPE: ClassVar[str] = "report.run/1"

    run_id: str
    report: str
    nominal_at: datetime
    #: None, {"bot": name} or {"site": name}; None on a by-bot or by-site report means every one of them.
    scope: Mapping[str, str] | None = None
    requested_by: str = "schedule"
    args: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message_id(self) -> str:
        """The AMQP message id: the run's."""
        return self.run_id

    def encode(self) -> bytes:
        """Return the msgpack body."""
        return pack(
            {
                "run_id": self.run_id,
                "report": self.report,
                "nominal_at": self.nominal_at.isoformat(),
                "scope": dict(self.scope) if self.scope is not None else None,
                "requested_by": self.requested_by,
                "args": dict(self.args),
            }
        )

    @classmethod
    def decode(cls, message_type: str | None, body: bytes) -> Self:
        """Read a body.

        Raises:
            WireError: it is not a report.run/1; the message names the field.
        """
        fields = unpack(cls.TYPE, message_type, body)
        requested_by = take(fields, "requested_by", str)
        if requested_by not in _REQUESTERS:
            raise WireError(f"'requested_by' is {requested_by!r:.80}, neither 'schedule' nor 'operator'")
        return cls(
            run_id=take(fields, "run_id", str),
            report=take(fields, "report", str),
            nominal_at=take_time(fields, "nominal_at"),
            scope=_scope(take_optional(fields, "scope", dict)),
            requested_by=requested_by,
            args=take(fields, "args", dict),
        )


def _scope(scope: dict[Any, Any] | None) -> Mapping[str, str] | None:
    if scope is None:
        return None
    if (
        len(scope) != 1
        or not _SCOPES.issuperset(scope)
        or not all(isinstance(v, str) for v in scope.values())
    ):
        raise WireError(f"'scope' is {scope!r:.80}, neither nil nor one bot or site by name")
    return scope
