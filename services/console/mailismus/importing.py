"""A Mailismus configuration as our settings, with a word on everything that is not the same afterwards.

Each value is read as Mailismus reads it, written as our settings want it, and tried on our own model: what
that refuses is left out and reported, so the result always loads.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from xml.etree.ElementTree import Element

from pydantic import ValidationError

from services.console import toml
from services.console.mailismus import values
from services.console.mailismus.document import Document, read_document
from services.ndr_worker.records.path_tokens import PathTemplate, UnknownPathToken, folder_path
from shared.settings.model import SINK, DirectorySettings, NdrSettings
from shared.settings.values import format_time_span, parse_size, parse_time_span

_SYSTEM_NAME = "%SYSNAME%"
_PRODUCT = "%PRODNAME%"
_DEFAULT_TEXT = (
    "This is the %PRODNAME% mailserver at %REPMTA%.\n"
    "Your message could not be delivered - the details are attached."
)
#: An NDR in Mailismus' own queue was given up after this at the latest (retry_maxtime_reports).
_REPORTS_MAXTIME = timedelta(hours=24)
_PRUNE_GRACE = timedelta(days=7)
#: The largest size the original kept in attachmsg, a 32-bit number.
_LARGEST_INT = 2**31 - 1


class Verdict(StrEnum):
    """What a note says of its subject."""

    LEFT_OUT = "left out"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that is not the same after the import.

    Attributes:
        subject: the element or attribute, as a path below the file's block (`report/audit@delta`).
        verdict: whether it was left out, or works but not as it did.
        reason: why.
        advice: what to do about it.
    """

    subject: str
    verdict: Verdict
    reason: str
    advice: str


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
    taking = _Import(read_document(xml), environment or {})
    taking.run()
    return Imported(toml.document({"ndr": taking.settings}), tuple(taking.notes))


@dataclass(frozen=True, slots=True)
class _Leftover:
    """Something of Mailismus that has no counterpart: why, and what to do."""

    reason: str
    advice: str = "Nothing to do."


_TEMPLATES = "its templates held the header fields in an order and spelling that RFC 3464 does not allow"
_LEFTOVERS = {
    "altmimeprologue": _Leftover("no mail program shows the text before the first part; NDRs have none"),
    "ndr_header": _Leftover(
        f"header fields are not a template here: {_TEMPLATES}",
        "Set ndr_from, ndr_subject and announcemta instead.",
    ),
    "ndr_dsnhdr": _Leftover(
        f"status fields are not a template here: {_TEMPLATES}", "Set announcemta for Reporting-MTA."
    ),
    "filebufsiz": _Leftover("messages are not read from files in pieces here"),
}
_AUDIT_LEFTOVERS = {
    "enabled": _Leftover("Mailismus ignored it for audit, too", "Remove audit to turn auditing off."),
    "class": _Leftover("there is one kind of audit file"),
    "delta": _Leftover("audit lines have their time, not the time since the line before"),
    "tname": _Leftover("workers are processes here; their lines carry no thread name"),
    "pid": _Leftover("Mailismus left it out of audit lines, too"),
    "tid": _Leftover("Mailismus left it out of audit lines, too"),
    "level": _Leftover("audit lines have no level", "Remove audit to turn auditing off."),
}
_AUDIT_ATTRIBUTES = {
    "rot": "audit_rot",
    "maxfile": "audit_maxfile",
    "buffer": "audit_buffer",
    "flush": "audit_flush",
}


class _Import:
    """One import in progress: settings taken so far, notes made so far."""

    def __init__(self, document: Document, environment: Mapping[str, str]) -> None:
        self.settings: dict[str, toml.Value] = {}
        self.notes: list[Note] = []
        self._document = document
        self._environment = environment
        self._report = {str(element.tag): element for element in reversed(document.report)}

    def run(self) -> None:
        """Take over everything, in the order of the seed."""
        self._take_audit()
        for name, take in _SETTINGS.items():
            if name in self._report:
                self._note_extras(self._report[name], f"report/{name}")
                text = self._text(f"report/{name}", self._report[name].text)
                if text is not None:
                    take(self, name, text)
        self._take_application()
        self._take_queue()
        self._note_leftovers()
        self._note_decisions()

    # Values, by their syntax.

    def text(self, name: str, value: str) -> None:
        """A text that must be one: the original refused to start with `-`."""
        if value == values.NULL:
            self._leave_out(f"report/{name}", "is -, with which Mailismus did not start")
        else:
            self._put(name, value)

    def optional(self, name: str, value: str) -> None:
        """A text that may be nothing."""
        if value != values.NULL:
            self._put(name, value)

    def text_part(self, name: str, value: str) -> None:
        """The opening words; `-` is an empty text, nothing in between is left for the default."""
        self._put(name, "" if value == values.NULL else value)

    def span(self, name: str, value: str) -> None:
        """A time span."""
        self._convert(name, value, lambda text: values.time_span("" if text == values.NULL else text))

    def size(self, name: str, value: str) -> None:
        """A size."""
        self._convert(name, value, values.size)

    def number(self, name: str, value: str) -> None:
        """A whole number."""
        self._convert(name, value, _number)

    def yes_no(self, name: str, value: str) -> None:
        """A boolean; the original took anything it did not know for no, without a word."""
        word, meant = values.yes_no(value)
        self._put(name, word)
        if not meant:
            self._differs(
                f"report/{name}",
                f"{value!r} is no boolean; Mailismus took it for no without a word, and so does the import",
                f'Write {name} = "Y" if yes was meant.',
            )

    def addresses(self, name: str, value: str) -> None:
        """A tuple of addresses; the good ones are kept."""
        if value == values.NULL:
            return
        good = [item for item in values.items(value) if self._accepts(f"report/{name}", name, [item])]
        if good:
            self.settings[name] = good

    def path(self, name: str, value: str) -> None:
        """A path with tokens."""
        if value.startswith("cp:"):
            self._leave_out(f"report/{name}", "is in a Java class path", "Give a folder on disk.")
        elif value != values.NULL:
            self._put_path(name, value, f"report/{name}")

    def host_name(self, name: str, value: str) -> None:
        """announcemta, whose %SYSNAME% the guide promised and the code left as it was."""
        self.text(name, value)
        if _SYSTEM_NAME in value:
            self._differs(
                f"report/{name}",
                f"{_SYSTEM_NAME} is replaced by this host's name; Mailismus wrote it out as it stands",
                "Nothing to do if its guide's meaning was wanted.",
            )

    def returned_size(self, name: str, value: str) -> None:
        """attachmsg, which is a hard cap here."""
        self.size(name, value)
        taken = self.settings.get(name)
        if taken is None or parse_size(taken) == 0:
            return
        self._differs(
            f"report/{name}",
            "is a hard cap here, cut at the end of a line; Mailismus rounded up to whole buffers",
            "Raise it if more of the message is wanted.",
        )
        if parse_size(taken) > _LARGEST_INT:
            self._differs(
                f"report/{name}",
                f"{value} did not fit the number Mailismus kept it in, so it may have meant another size",
                "Check that as much of a message is to be returned.",
            )

    # Blocks.

    def _take_audit(self) -> None:
        element = self._report.get("audit")
        if element is None:
            return
        subject = "report/audit"
        path = self._text(subject, element.text)
        if path in (None, values.NULL):
            return
        if element.get("level", "").strip().upper() == "OFF":
            self._leave_out(subject, "level is OFF, which silenced it", "Set audit to turn auditing on.")
            return
        self._put_path("audit", path, subject)
        for attribute, setting in _AUDIT_ATTRIBUTES.items():
            value = self._text(f"{subject}@{attribute}", element.get(attribute))
            if value is not None:
                self._take_audit_attribute(setting, value, f"{subject}@{attribute}")
        self._note_extras(element, subject)

    def _take_audit_attribute(self, setting: str, value: str, subject: str) -> None:
        if setting == "audit_rot":
            self._put(setting, value.lower(), subject)
        else:
            convert = values.time_span if setting == "audit_flush" else values.size
            self._convert(setting, value, convert, subject)

    def _take_application(self) -> None:
        """What announcehost and prodname were the default of."""
        host = self._child(self._document.application, "announcehost")
        if host and host not in (values.NULL, _SYSTEM_NAME):
            if "announcemta" not in self.settings:
                self._put("announcemta", host, "application/announcehost")
            if "ndr_from" not in self.settings:
                _, dot, domain = host.partition(".")
                self._put("ndr_from", f"postmaster@{domain if dot else host}", "application/announcehost")
        product = self._child(self._document.application, "prodname")
        if product and product != values.NULL:
            text = str(self.settings.get("ndr_textpart", _DEFAULT_TEXT))
            self._put("ndr_textpart", text.replace(_PRODUCT, product), "application/prodname")

    def _take_queue(self) -> None:
        queue = self._queue()
        subject = "" if queue is None else str(queue.tag)
        if limit := self._child(queue, "maxmemoryqueue"):
            self._convert("maxmemoryqueue", limit, values.size, f"{subject}/maxmemoryqueue")
        times = {
            name: self._child(queue, name)
            for name in ("retry_maxtime", "retry_maxtime_reports", "prune_graceperiod")
        }
        if not any(times.values()):
            return
        spans = {name: self._span_of(f"{subject}/{name}", text) for name, text in times.items()}
        longest = spans["retry_maxtime"] or parse_time_span("72h")
        lifetime = spans["retry_maxtime_reports"] or min(longest, _REPORTS_MAXTIME)
        prune_after = longest + (spans["prune_graceperiod"] or _PRUNE_GRACE)
        for name, span in (("retry_maxtime", longest), ("lifetime", lifetime), ("prune_after", prune_after)):
            if span != NdrSettings.model_fields[name].default:
                self._put(name, format_time_span(span), subject)

    def _queue(self) -> Element | None:
        """The queue of the reports task: `queue_<its name>` if there is one, else the common one."""
        queues = {str(queue.tag): queue for queue in self._document.queues}
        own = [name for name in queues if "report" in name.lower()]
        if len(own) > 1:
            self._leave_out(
                " and ".join(own),
                "both may be the queue of the reports task",
                "Set maxmemoryqueue and retry_maxtime by hand.",
            )
            return None
        return queues.get(own[0] if own else "queue")

    # Notes.

    def _note_leftovers(self) -> None:
        seen: set[str] = set()
        for element in self._document.report:
            name = str(element.tag)
            if not isinstance(element.tag, str):
                continue  # a comment or processing instruction
            if name in seen:
                self._leave_out(f"report/{name}", "stands there a second time; the first one counts")
            elif name in _LEFTOVERS:
                leftover = _LEFTOVERS[name]
                self._leave_out(f"report/{name}", leftover.reason, leftover.advice)
            elif name != "audit" and name not in _SETTINGS:
                self._leave_out(f"report/{name}", f"is no setting of the reports task{_nearest(name)}")
            seen.add(name)
        for attribute in self._document.report.attrib:
            self._leave_out(f"report@{attribute}", "is no attribute of the block")

    def _note_extras(self, element: Element, subject: str) -> None:
        """Attributes and elements where the original looked for none."""
        known = _AUDIT_ATTRIBUTES if element.tag == "audit" else {}
        for attribute in element.attrib:
            if attribute not in known:
                leftover = _AUDIT_LEFTOVERS if element.tag == "audit" else {}
                found = leftover.get(attribute, _Leftover("is no attribute of this setting"))
                self._leave_out(f"{subject}@{attribute}", found.reason, found.advice)
        for child in element:
            if isinstance(child.tag, str):
                self._leave_out(f"{subject}/{child.tag}", "stands inside a setting, where Mailismus had none")

    def _note_decisions(self) -> None:
        """Where the same configuration behaves differently on purpose."""
        if "delay_start" not in self.settings:
            self._differs(
                "report/delay_start",
                "is not given; Mailismus waited 20s, although its guide says 1m, which is the default here",
                'Write delay_start = "20s" to keep what it did.',
            )
        if self.settings.get("ndr_recip_redirect") == SINK:
            self._differs(
                "report/ndr_recip_redirect",
                "the sink still makes copies and additional mails here; Mailismus lost them",
                "Remove ndr_recips_additional and ndr_copies_folder if nobody is to get anything.",
            )

    # The steps all of them take.

    def _text(self, subject: str, text: str | None) -> str | None:
        """A value trimmed and expanded; None where the default counts."""
        try:
            expanded = values.expand((text or "").strip(), self._environment).strip()
        except values.Malformed as error:
            self._leave_out(subject, str(error))
            return None
        return expanded or None

    def _child(self, block: Element | None, name: str) -> str | None:
        return None if block is None else self._text(f"{block.tag}/{name}", block.findtext(name))

    def _span_of(self, subject: str, text: str | None) -> timedelta | None:
        if text is None:
            return None
        try:
            return parse_time_span(values.time_span(text))
        except values.Malformed as error:
            self._leave_out(subject, f"{text!r} {error}")
            return None

    def _convert(
        self, name: str, value: str, convert: Callable[[str], toml.Value], subject: str | None = None
    ) -> None:
        try:
            self._put(name, convert(value), subject)
        except values.Malformed as error:
            self._leave_out(subject or f"report/{name}", f"{value!r} {error}", _default_advice(name))

    def _put(self, name: str, value: toml.Value, subject: str | None = None) -> None:
        if self._accepts(subject or f"report/{name}", name, value):
            self.settings[name] = value

    def _put_path(self, name: str, path: str, subject: str) -> None:
        """A path whose tokens the worker knows; an unknown one would keep it from starting."""
        directories = DirectorySettings()
        try:
            if name == "audit":
                PathTemplate(path, "never", directories, process_id=0, thread_id=0)
            else:
                folder_path(path, directories)
        except UnknownPathToken as error:
            self._leave_out(subject, str(error), _default_advice(name))
        else:
            self._put(name, path, subject)

    def _accepts(self, subject: str, name: str, value: toml.Value) -> bool:
        """Whether our settings take the value; a note if not."""
        try:
            NdrSettings.model_validate({name: value})
        except (ValidationError, OverflowError) as error:
            reason = str(error)
            if isinstance(error, ValidationError):
                detail = error.errors()[0]
                reason = str(detail.get("ctx", {}).get("error", detail["msg"]))
            shown = value[0] if isinstance(value, list) else value
            self._leave_out(subject, f"{name} cannot be {shown!r} here: {reason}", _default_advice(name))
            return False
        return True

    def _leave_out(self, subject: str, reason: str, advice: str = "Nothing to do.") -> None:
        self.notes.append(Note(subject, Verdict.LEFT_OUT, reason, advice))

    def _differs(self, subject: str, reason: str, advice: str) -> None:
        self.notes.append(Note(subject, Verdict.DIFFERS, reason, advice))


#: How each element of the block is taken over, in the order of the seed; audit has attributes of its own.
_SETTINGS: dict[str, Callable[[_Import, str, str], None]] = {
    "interval_low": _Import.span,
    "interval_high": _Import.span,
    "interval_error": _Import.span,
    "delay_start": _Import.span,
    "interval_housekeeping": _Import.span,
    "queuecache": _Import.size,
    "generate_ndr": _Import.yes_no,
    "ndr_recip_redirect": _Import.optional,
    "ndr_recips_additional": _Import.addresses,
    "ndr_copies_folder": _Import.path,
    "announcemta": _Import.host_name,
    "ndr_from": _Import.text,
    "ndr_subject": _Import.text,
    "ndr_textpart": _Import.text_part,
    "attachmsg": _Import.returned_size,
    "ndr_status": _Import.text,
    "statuszero": _Import.number,
}


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise values.Malformed("is not a whole number") from None


def _default_advice(name: str) -> str:
    default = NdrSettings.model_fields[name].default
    shown = format_time_span(default) if isinstance(default, timedelta) else default
    return (
        f"Set {name} by hand; without it, its default counts ({'unset' if shown in (None, ()) else shown})."
    )


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, [*_SETTINGS, *_LEFTOVERS, "audit"], n=1, cutoff=0.6)
    return f"; Mailismus ignored it, {near[0]} may have been meant" if near else ""
