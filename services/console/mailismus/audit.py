"""The audit element: the one with attributes of its own."""

from collections.abc import Callable
from xml.etree.ElementTree import Element

from services.console.mailismus import values
from services.console.mailismus.leftovers import Leftover, note_inside
from services.console.mailismus.taken import Taken, element

_SUBJECT = element("audit")
#: Attributes that are settings here, with what reads their values.
_ATTRIBUTES: dict[str, tuple[str, Callable[[str], str]]] = {
    "rot": ("audit_rot", str.lower),
    "maxfile": ("audit_maxfile", values.size),
    "buffer": ("audit_buffer", values.size),
    "flush": ("audit_flush", values.time_span),
}
_LEFTOVERS = {
    "enabled": Leftover("Mailismus ignored it for audit, too", "Remove audit to turn auditing off."),
    "class": Leftover("there is one kind of audit file"),
    "delta": Leftover("audit lines have their time, not the time since the line before"),
    "tname": Leftover("workers are processes here; their lines carry no thread name"),
    "pid": Leftover("Mailismus left it out of audit lines, too"),
    "tid": Leftover("Mailismus left it out of audit lines, too"),
    "level": Leftover("audit lines have no level", "Remove audit to turn auditing off."),
}


def take_audit(taken: Taken, audit: Element) -> None:
    """Take over where audit lines go, and the attributes that are settings here."""
    path = taken.text(_SUBJECT, audit.text)
    if path in (None, values.NULL):
        return
    if audit.get("level", "").strip().upper() == "OFF":
        taken.leave_out(_SUBJECT, "level is OFF, which silenced it", "Set audit to turn auditing on.")
        return
    taken.put_path("audit", path)
    for attribute, (setting, read) in _ATTRIBUTES.items():
        subject = f"{_SUBJECT}@{attribute}"
        value = taken.text(subject, audit.get(attribute))
        if value is not None:
            taken.convert(setting, value, read, subject)
    note_inside(taken, audit, known=_ATTRIBUTES, leftovers=_LEFTOVERS)
