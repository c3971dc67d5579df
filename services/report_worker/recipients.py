"""Reading addresses an operator typed (RFC 5322 3.4; dot-atoms at domain names only)."""

import re
from dataclasses import dataclass

#: Commas, semicolons and line ends separate, unless they stand in a quoted display name.
_ENTRY = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^,;\r\n])+', re.DOTALL)
_NAMED = re.compile(r'(?:"((?:\\.|[^"\\])*)"|([^"<>]*))\s*<\s*([^<>\s]*)\s*>', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=.{{1,254}}\Z)(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")

_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address with the name shown beside it; both are free of control characters."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Recipients:
    """What a list of addresses comes to.

    Attributes:
        mailboxes: the good ones in order, each address once (compared without case).
        malformed: the entries that are not addresses, as typed.
    """

    mailboxes: tuple[Mailbox, ...]
    malformed: tuple[str, ...]


def parse_recipients(emails_list: str) -> Recipients:
    """Read a list such as `"Ops, night" <ops@example.com>, boss@example.com`."""
    mailboxes: dict[str, Mailbox] = {}
    malformed: list[str] = []
    for entry in filter(None, (found.strip() for found in _ENTRY.findall(emails_list))):
        mailbox = parse_mailbox(entry)
        if mailbox is None:
            malformed.append(entry)
        else:
            mailboxes.setdefault(mailbox.address.lower(), mailbox)
    return Recipients(tuple(mailboxes.values()), tuple(malformed))


def parse_mailbox(entry: str) -> Mailbox | None:
    """Read one address with or without a display name; None when it is not one."""
    entry = entry.strip()
    if _CONTROL.search(entry):
        return None
    name, address = "", entry
    if named := _NAMED.fullmatch(entry):
        quoted, plain, address = named.groups()
        name = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain.strip()
    return Mailbox(address, name[:_LONGEST_NAME]) if _ADDRESS.fullmatch(address) else None
