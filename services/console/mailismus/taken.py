"""What an import has taken so far: settings, each tried on our own model first, and notes on the rest."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from xml.etree.ElementTree import Element

from pydantic import ValidationError

from services.console import toml
from services.console.mailismus import values
from services.console.mailismus.notes import Note, Verdict
from services.ndr_worker.records.path_tokens import PathTemplate, UnknownPathToken, folder_path
from shared.settings.ndr import DirectorySettings, NdrSettings
from shared.settings.values import format_time_span


class Taken:
    """One import in progress.

    The subject of a note is the element of the same name, unless another one is given.

    Attributes:
        settings: taken so far; every one of them is as our model wants it.
        notes: made so far.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.settings: dict[str, toml.Value] = {}
        self.notes: list[Note] = []
        self._environment = environment

    def text(self, subject: str, text: str | None) -> str | None:
        """Return a value trimmed and expanded; None where the default counts."""
        try:
            expanded = values.expand((text or "").strip(), self._environment).strip()
        except values.Malformed as error:
            self.leave_out(subject, str(error))
            return None
        return expanded or None

    def text_within(self, block: Element | None, name: str) -> str | None:
        """Return the value of an element in a block, as `text` does; None also without the block."""
        return None if block is None else self.text(f"{block.tag}/{name}", block.findtext(name))

    def put(self, name: str, value: toml.Value, subject: str | None = None) -> None:
        """Take a setting, if our settings do."""
        if self.accepts(name, value, subject):
            self.settings[name] = value

    def convert(
        self, name: str, value: str, convert: Callable[[str], toml.Value], subject: str | None = None
    ) -> None:
        """Take a setting in our syntax; `convert` raises Malformed where it was wrong in Mailismus', too."""
        try:
            self.put(name, convert(value), subject)
        except values.Malformed as error:
            self.leave_out(subject or element(name), f"{value!r} {error}", _default_advice(name))

    def put_path(self, name: str, path: str) -> None:
        """Take a path whose tokens the worker knows; an unknown one would keep it from starting."""
        directories = DirectorySettings()
        try:
            if name == "audit":
                PathTemplate(path, "never", directories, process_id=0, thread_id=0)
            else:
                folder_path(path, directories)
        except UnknownPathToken as error:
            self.leave_out(element(name), str(error), _default_advice(name))
        else:
            self.put(name, path)

    def accepts(self, name: str, value: toml.Value, subject: str | None = None) -> bool:
        """Return whether our settings take the value; a note if not."""
        try:
            NdrSettings.model_validate({name: value})
        except (ValidationError, OverflowError) as error:
            shown = value[0] if isinstance(value, list) else value
            reason = f"{name} cannot be {shown!r} here: {_reason(error)}"
            self.leave_out(subject or element(name), reason, _default_advice(name))
            return False
        return True

    def leave_out(self, subject: str, reason: str, advice: str = "Nothing to do.") -> None:
        """Note that something is not carried over."""
        self.notes.append(Note(subject, Verdict.LEFT_OUT, reason, advice))

    def differs(self, subject: str, reason: str, advice: str) -> None:
        """Note that something works, but not as it did."""
        self.notes.append(Note(subject, Verdict.DIFFERS, reason, advice))


def element(name: str) -> str:
    """Return the subject of a note on an element of the block."""
    return f"report/{name}"


def _reason(error: ValidationError | OverflowError) -> str:
    if isinstance(error, OverflowError):
        return str(error)
    detail = error.errors()[0]
    return str(detail.get("ctx", {}).get("error", detail["msg"]))


def _default_advice(name: str) -> str:
    default = NdrSettings.model_fields[name].default
    shown = format_time_span(default) if isinstance(default, timedelta) else default
    return (
        f"Set {name} by hand; without it, its default counts ({'unset' if shown in (None, ()) else shown})."
    )
