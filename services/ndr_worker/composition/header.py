"""The header of a notification: what of the settings stands in it, and how."""

import re

from services.ndr_worker.composition import address, sanitise
from services.ndr_worker.composition.fields import encoded_words, folded
from shared.errors import MailroomError

_NAMED_ADDRESS = re.compile(r"(.*)<([^<>]*)>\s*", re.DOTALL)
_PHRASE = re.compile(r"""[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]*|"(?:[^"\\]|\\.)*\"""")


class NdrIdentityError(MailroomError):
    """A setting of `[ndr]` can't be written into a notification."""


def a_label(announce_mta: str) -> str:
    """The name of this system in ASCII: A-labels for an internationalised name (RFC 3461 section 6.3 b).

    Raises:
        NdrIdentityError: It is no host name.
    """
    try:
        name = announce_mta if announce_mta.isascii() else announce_mta.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not name or sanitise.host(name) != name or set("<>@,\\\"'") & set(name):
        raise NdrIdentityError(
            f"announcemta {announce_mta!r} is no host name; give one such as mail.example.com"
        )
    return name


def from_field(from_address: str) -> tuple[str, str]:
    """The From field, and the address in it.

    Raises:
        NdrIdentityError: There is no address in it.
    """
    named = _NAMED_ADDRESS.fullmatch(from_address)
    name, mailbox = (named[1].strip(), named[2]) if named else ("", from_address.strip())
    if address.malformed_sender(mailbox) or not mailbox.isascii() or sanitise.is_unsafe(name):
        raise NdrIdentityError(
            f"ndr_from {from_address!r} is no address; "
            "give postmaster@example.com or Postmaster <postmaster@example.com>"
        )
    if not name:
        return f"From: {mailbox}\r\n", mailbox
    if not name.isascii():
        phrase = encoded_words(name.strip('"'))
    elif _PHRASE.fullmatch(name):
        phrase = name
    else:
        phrase = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return folded(f"From: {phrase} <{mailbox}>") + "\r\n", mailbox


def subject_field(subject: str) -> str:
    """The Subject field, encoded when it is not ASCII."""
    text = sanitise.printable(subject)
    return folded(f"Subject: {text if text.isascii() else encoded_words(text)}") + "\r\n"
