"""What stands in the block and has no counterpart: why, and what to do."""

import difflib
from collections.abc import Container, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from xml.etree.ElementTree import Element

from services.console.mailismus.elements import ELEMENTS
from services.console.mailismus.taken import Taken, element


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something of Mailismus that has no counterpart: why, and what to do."""

    reason: str
    advice: str = "Nothing to do."


_TEMPLATES = "its templates held the header fields in an order and spelling that RFC 3464 does not allow"
_LEFTOVERS = {
    "altmimeprologue": Leftover("no mail program shows the text before the first part; NDRs have none"),
    "ndr_header": Leftover(
        f"header fields are not a template here: {_TEMPLATES}",
        "Set ndr_from, ndr_subject and announcemta instead.",
    ),
    "ndr_dsnhdr": Leftover(
        f"status fields are not a template here: {_TEMPLATES}", "Set announcemta for Reporting-MTA."
    ),
    "filebufsiz": Leftover("messages are not read from files in pieces here"),
}
_NO_ATTRIBUTE = Leftover("is no attribute of this setting")


def note_elements(taken: Taken, report: Element) -> None:
    """Note the elements that nothing takes over, and the block's attributes, of which there are none."""
    seen: set[str] = set()
    for name in (child.tag for child in report):
        if name in seen:
            taken.leave_out(element(name), "stands there a second time; the first one counts")
        elif name in _LEFTOVERS:
            leftover = _LEFTOVERS[name]
            taken.leave_out(element(name), leftover.reason, leftover.advice)
        elif name != "audit" and name not in ELEMENTS:
            taken.leave_out(element(name), f"is no setting of the reports task{_nearest(name)}")
        seen.add(name)
    for attribute in report.attrib:
        taken.leave_out(f"report@{attribute}", "is no attribute of the block")


def note_inside(
    taken: Taken,
    setting: Element,
    *,
    known: Container[str] = (),
    leftovers: Mapping[str, Leftover] = MappingProxyType({}),
) -> None:
    """Note attributes and elements inside a setting that nothing takes over.

    Args:
        taken: gets the notes.
        setting: an element of the block.
        known: its attributes that are taken over.
        leftovers: what is to be said of some of the others.
    """
    subject = element(setting.tag)
    for attribute in setting.attrib:
        if attribute not in known:
            leftover = leftovers.get(attribute, _NO_ATTRIBUTE)
            taken.leave_out(f"{subject}@{attribute}", leftover.reason, leftover.advice)
    for child in setting:
        taken.leave_out(f"{subject}/{child.tag}", "stands inside a setting, where Mailismus had none")


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, [*ELEMENTS, *_LEFTOVERS, "audit"], n=1, cutoff=0.6)
    return f"; Mailismus ignored it, {near[0]} may have been meant" if near else ""
