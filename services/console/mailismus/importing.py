"""A Mailismus configuration as our settings, with a word on everything that is not the same afterwards.

Each value is read as Mailismus reads it, written as our settings want it, and tried on our own model: what
that refuses is left out and reported, so the result always loads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from services.console import toml
from services.console.mailismus.application import take_application
from services.console.mailismus.audit import take_audit
from services.console.mailismus.document import read_document
from services.console.mailismus.elements import ELEMENTS
from services.console.mailismus.leftovers import note_elements, note_inside
from services.console.mailismus.notes import Note
from services.console.mailismus.queue import take_queue
from services.console.mailismus.taken import Taken, element
from shared.settings.ndr import SINK


@dataclass(frozen=True, slots=True)
class Imported:
    """The outcome of an import.

    Attributes:
        toml: a settings file that `load_settings` accepts.
        notes: what it does not carry over, or carries over with another meaning.
    """

    toml: str
    notes: tuple[Note, ...]


def import_mailismus(xml: bytes, environment: Mapping[str, str] | None = None) -> Imported:
    """Turn a Mailismus configuration into settings.

    Args:
        xml: a `<report>` block, or a whole configuration with one.
        environment: where `${NAME}` in values comes from; none by default.

    Raises:
        MailismusUnreadable: it is neither.
    """
    document = read_document(xml)
    taken = Taken(environment or {})
    _take_report(taken, document.report)
    take_application(taken, document.application)
    take_queue(taken, document.queues)
    note_elements(taken, document.report)
    _note_decisions(taken)
    return Imported(toml.document({"ndr": taken.settings}), tuple(taken.notes))


def _take_report(taken: Taken, report: Element) -> None:
    """Take over the block of the reports task, in the order of the seed; of a name's elements, the first."""
    given = {setting.tag: setting for setting in reversed(report)}
    if "audit" in given:
        take_audit(taken, given["audit"])
    for name, take in ELEMENTS.items():
        if name in given:
            note_inside(taken, given[name])
            value = taken.text(element(name), given[name].text)
            if value is not None:
                take(taken, name, value)


def _note_decisions(taken: Taken) -> None:
    """Note where the same configuration behaves differently on purpose."""
    if "delay_start" not in taken.settings:
        taken.differs(
            element("delay_start"),
            "is not given; Mailismus waited 20s, although its guide says 1m, which is the default here",
            'Write delay_start = "20s" to keep what it did.',
        )
    if taken.settings.get("ndr_recip_redirect") == SINK:
        taken.differs(
            element("ndr_recip_redirect"),
            "the sink still makes copies and additional mails here; Mailismus lost them",
            "Remove ndr_recips_additional and ndr_copies_folder if nobody is to get anything.",
        )
