"""The parts of a Mailismus XML file that say something about NDRs."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

import defusedxml
from defusedxml import ElementTree

from shared.errors import MailroomError

_ROOT = "mailserver"
_REPORT = "report"


class MailismusUnreadable(MailroomError):
    """A file is no Mailismus configuration."""


@dataclass(frozen=True, slots=True)
class Document:
    """What is read of a file.

    Attributes:
        report: the block of the reports task.
        application: the block with announcehost and prodname, or None.
        queues: the queue blocks; one task may have its own beside the common one.
    """

    report: Element
    application: Element | None = None
    queues: tuple[Element, ...] = ()


def read_document(xml: bytes) -> Document:
    """Read a bare `<report>` block, or a whole file that has it at mailserver/mta/report.

    Raises:
        MailismusUnreadable: it is not XML, has a document type (with which a file of few lines can swell to
            gigabytes or read other files), or has no such block.
    """
    try:
        root: Element = ElementTree.fromstring(xml, forbid_dtd=True)
    except defusedxml.DefusedXmlException as error:
        raise MailismusUnreadable(
            f"the file has a document type or entities ({type(error).__name__}), which are never followed; "
            "remove the <!DOCTYPE ...> and import again"
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise MailismusUnreadable(f"the file is not XML ({error}); give a Mailismus configuration") from error
    if root.tag == _REPORT:
        return Document(root)
    server = root if root.tag == _ROOT else root.find(f".//{_ROOT}")
    report = None if server is None else server.find(f"mta/{_REPORT}")
    if server is None or report is None:
        raise MailismusUnreadable(
            f"no <{_REPORT}> block at mailserver/mta/{_REPORT} (the root is <{root.tag}>); "
            f"give mailismus.xml, or the <{_REPORT}> block alone"
        )
    return Document(report, server.find("application"), tuple(_queues(server)))


def _queues(server: Element) -> Iterator[Element]:
    for element in server.iterfind("mta/*"):
        if element.tag == "queue" or str(element.tag).startswith("queue_"):
            yield element
