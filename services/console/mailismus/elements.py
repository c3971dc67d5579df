"""How each element of the block is taken over, by the syntax of its value."""

from collections.abc import Callable, Mapping

from services.console.mailismus import values
from services.console.mailismus.taken import Taken, element
from shared.settings.values import parse_size

#: This host's name.
SYSTEM_NAME = "%SYSNAME%"
#: The largest size the original kept in attachmsg, a 32-bit number.
_LARGEST_INT = 2**31 - 1


def _text(taken: Taken, name: str, value: str) -> None:
    """A text that must be one: the original refused to start with `-`."""
    if value == values.NULL:
        taken.leave_out(element(name), "is -, with which Mailismus did not start")
    else:
        taken.put(name, value)


def _optional(taken: Taken, name: str, value: str) -> None:
    """A text that may be nothing."""
    if value != values.NULL:
        taken.put(name, value)


def _text_part(taken: Taken, name: str, value: str) -> None:
    """The opening words; `-` is an empty text, nothing in between is left for the default."""
    taken.put(name, "" if value == values.NULL else value)


def _span(taken: Taken, name: str, value: str) -> None:
    """A time span."""
    taken.convert(name, value, lambda text: values.time_span("" if text == values.NULL else text))


def _size(taken: Taken, name: str, value: str) -> None:
    """A size."""
    taken.convert(name, value, values.size)


def _number(taken: Taken, name: str, value: str) -> None:
    """A whole number."""
    taken.convert(name, value, values.number)


def _yes_no(taken: Taken, name: str, value: str) -> None:
    """A boolean; the original took anything it did not know for no, without a word."""
    word, meant = values.yes_no(value)
    taken.put(name, word)
    if not meant:
        taken.differs(
            element(name),
            f"{value!r} is no boolean; Mailismus took it for no without a word, and so does the import",
            f'Write {name} = "Y" if yes was meant.',
        )


def _addresses(taken: Taken, name: str, value: str) -> None:
    """A tuple of addresses; the good ones are kept."""
    if value == values.NULL:
        return
    good = [item for item in values.items(value) if taken.accepts(name, [item])]
    if good:
        taken.settings[name] = good


def _path(taken: Taken, name: str, value: str) -> None:
    """A path with tokens."""
    if value.startswith("cp:"):
        taken.leave_out(element(name), "is in a Java class path", "Give a folder on disk.")
    elif value != values.NULL:
        taken.put_path(name, value)


def _host_name(taken: Taken, name: str, value: str) -> None:
    """announcemta, whose %SYSNAME% the guide promised and the code left as it was."""
    _text(taken, name, value)
    if SYSTEM_NAME in value:
        taken.differs(
            element(name),
            f"{SYSTEM_NAME} is replaced by this host's name; Mailismus wrote it out as it stands",
            "Nothing to do if its guide's meaning was wanted.",
        )


def _returned_size(taken: Taken, name: str, value: str) -> None:
    """attachmsg, which is a hard cap here."""
    _size(taken, name, value)
    size = parse_size(taken.settings.get(name, "0"))
    if size:
        taken.differs(
            element(name),
            "is a hard cap here, cut at the end of a line; Mailismus rounded up to whole buffers",
            "Raise it if more of the message is wanted.",
        )
    if size > _LARGEST_INT:
        taken.differs(
            element(name),
            f"{value} did not fit the number Mailismus kept it in, so it may have meant another size",
            "Check that as much of a message is to be returned.",
        )


#: What takes over each element's value, in the order of the seed; audit has attributes of its own.
ELEMENTS: Mapping[str, Callable[[Taken, str, str], None]] = {
    "interval_low": _span,
    "interval_high": _span,
    "interval_error": _span,
    "delay_start": _span,
    "interval_housekeeping": _span,
    "queuecache": _size,
    "generate_ndr": _yes_no,
    "ndr_recip_redirect": _optional,
    "ndr_recips_additional": _addresses,
    "ndr_copies_folder": _path,
    "announcemta": _host_name,
    "ndr_from": _text,
    "ndr_subject": _text,
    "ndr_textpart": _text_part,
    "attachmsg": _returned_size,
    "ndr_status": _text,
    "statuszero": _number,
}
