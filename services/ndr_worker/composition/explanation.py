"""The first part of a DSN: for a person, readable without the other parts (RFC 6522 section 3).

What depends on the language and the settings alone is prepared once; composing joins finished lines.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from jinja2 import TemplateError

from services.ndr_worker.bounce import Action, FailedRecipient
from services.ndr_worker.composition import sanitise
from services.ndr_worker.composition.fields import PREFERRED_LINE, date_time, folded
from services.ndr_worker.composition.languages import Wording, WordingBroken
from services.ndr_worker.composition.reply import Outcome
from services.ndr_worker.composition.returned import Extent, Returned

Outcomes = Sequence[tuple[FailedRecipient, Outcome]]
#: What a first part tells of: an action or DOUBLE_BOUNCE, each recipient with its outcome, what of the
#: original is returned, its octets, and how long a delayed message will be tried, if known.
Account = tuple[str, Outcomes, Returned, int, datetime | None]
#: A notification is of an action, or the report of a double bounce; both name a text in the wording.
DOUBLE_BOUNCE = "double_bounce"
_FAILURES = (Action.FAILED, DOUBLE_BOUNCE)
_SUCCESSES = (Action.DELIVERED, Action.RELAYED)
# "Expired" is what the status says of a message that is given up; one that is only late has not.
_EXPIRED = "4.7"
# Stands in a prepared text for what is filled in; no text of ours can hold it.
_MARK = "\0"
# Leaves room for the status behind it.
_CAUSE_LINE = PREFERRED_LINE - len(" (5.999.999)")
_ADDRESS_INDENT, _INDENT, _REPLY_INDENT = "  ", "    ", "      "


class Explainer:
    """Writes first parts in one language.

    Args:
        wording: Its texts.
        names: What is the same in all of them: `product`, `mta`, `help`.
        opening: Opening of an NDR in the settings' own words, lines separated by LF; None for the wording's.
        confidential: Whether to leave out the names of remote servers (RFC 3464 section 4.2).
    """

    def __init__(
        self, wording: Wording, names: Mapping[str, str], opening: str | None, *, confidential: bool
    ) -> None:
        texts = wording.texts
        self.language = wording.language
        self._names = names
        self._confidential = confidential
        self._page = wording.page
        self._subject = texts["subject"]
        self._cause = {key: text.format() for key, text in texts["cause"].items()}
        self._cause_lines = {key: lines(text, _INDENT, _CAUSE_LINE) for key, text in self._cause.items()}
        self._next_step = {key: text.format() for key, text in texts["next_step"].items()}
        self._next_step_lines = {key: f"{lines(text, _INDENT)}\r\n" for key, text in self._next_step.items()}
        self._recipient = texts["recipient"]
        # The same servers and status codes come back again and again.
        self._said = lru_cache(maxsize=1024)(self._who_said)
        self._why = lru_cache(maxsize=1024)(self._cause_and_next_step)
        self._octets_returned = texts["returned"]["octets"].replace("\n", "\r\n")
        self._about = {
            extent: _around(lines(texts["returned"][extent].format(octets=_MARK))) for extent in Extent
        }
        self._closing = texts["closing"]
        self._heading = {key: text.format() for key, text in texts["heading"].items()}
        self._opening = {key: texts["opening"][key].format_map(names) for key in self._heading}
        if opening is not None:
            self._opening[Action.FAILED] = opening
        self._before = {
            key: f"{lines(self._opening[key])}\r\n\r\n{lines(heading)}\r\n\r\n"
            for key, heading in self._heading.items()
        }
        self._after = {key: f"\r\n{lines(self._closing[key].format_map(names))}\r\n" for key in self._heading}

    def text(self, account: Account) -> str:
        """The first part as plain text.

        Returns:
            Lines that end with CRLF; untrusted text stands indented, so none of it can pass for our words.
        """
        kind, recipients, returned, size, until = account
        described = "".join([self._described(kind, each, outcome) for each, outcome in recipients])
        before, after = self._about[returned.extent]
        closing = self._after[kind] if until is None else f"\r\n{lines(self._closing_until(kind, until))}\r\n"
        return f"{self._before[kind]}{described}{before}{self._octets(returned, size)}{after}{closing}"

    def html(self, account: Account) -> str:
        """The same as a page, everything in it escaped."""
        kind, recipients, returned, size, until = account
        return self._page.render(
            language=self.language,
            # Failures have their subject from the settings; a page's title is shown nowhere but there.
            subject=self._subject.get(kind, self._heading[kind]),
            opening=self._opening[kind].splitlines(),
            heading=self._heading[kind],
            recipients=[self._shown(kind, recipient, outcome) for recipient, outcome in recipients],
            about_original=self._octets(returned, size).join(self._about[returned.extent]).splitlines(),
            closing=self._closing_until(kind, until).splitlines(),
        )

    def check_page(self, sample: Outcomes, returned: Returned) -> None:
        """Render the page once, for an error in it to show when the service starts.

        Raises:
            WordingBroken: The template fails.
        """
        try:
            for kind in self._heading:
                self.html((kind, sample, returned, 0, None))
        except (TemplateError, TypeError, ValueError) as error:
            raise WordingBroken(
                f"{self._page.filename} fails for language {self.language}: {error}; mend the template"
            ) from error

    def _described(self, kind: str, recipient: FailedRecipient, outcome: Outcome) -> str:
        """Who is reported and why."""
        status, from_server, reply = outcome
        said = f"{self._said(recipient.remote_mta or recipient.remote_ip)}\r\n" if from_server else ""
        attempts = ""
        if recipient.attempts > 1 and recipient.last_attempt_at:
            attempts = f"{lines(self._attempts(recipient), _INDENT)}\r\n"
        shown = folded(f"  {sanitise.printable(recipient.recipient)}", _ADDRESS_INDENT)
        transcript = "".join([f"{folded(f'    {line}', _REPLY_INDENT)}\r\n" for line in reply])
        return f"{shown}\r\n{self._why(kind, status)}{attempts}{said}{transcript}\r\n"

    def _cause_and_next_step(self, kind: str, status: str) -> str:
        """Their lines, indented."""
        cause = f"{self._cause_of(kind, status, self._cause_lines)} ({status})\r\n"
        if kind not in _FAILURES:
            return cause
        advice = self._next_step_lines
        return cause + (advice.get(status[2:]) or advice[status[0]])

    def _shown(self, kind: str, recipient: FailedRecipient, outcome: Outcome) -> dict[str, object]:
        status, from_server, reply = outcome
        advice = self._next_step
        return {
            "address": sanitise.printable(recipient.recipient),
            "status": status,
            "cause": self._cause_of(kind, status, self._cause),
            "next_step": (advice.get(status[2:]) or advice[status[0]]) if kind in _FAILURES else "",
            "attempts": self._attempts(recipient)
            if recipient.attempts > 1 and recipient.last_attempt_at
            else "",
            "said": self._said(recipient.remote_mta or recipient.remote_ip).strip() if from_server else "",
            "lines": reply,
        }

    def _cause_of(self, kind: str, status: str, causes: Mapping[str, str]) -> str:
        if kind in _FAILURES:
            return causes.get(status[2:]) or causes[status[0]]
        detail = "" if kind in _SUCCESSES or status[2:] == _EXPIRED else status[2:]
        return causes.get(detail) or causes[kind]

    def _attempts(self, recipient: FailedRecipient) -> str:
        date = date_time(recipient.last_attempt_at) if recipient.last_attempt_at else ""
        return self._recipient["attempts"].format(attempts=recipient.attempts, date=date)

    def _who_said(self, server: str | None) -> str:
        """The line above a server's reply, indented."""
        if not server or self._confidential:
            return lines(self._recipient["server"].format(), _INDENT)
        return lines(self._recipient["named_server"].format(server=sanitise.host(server)), _INDENT)

    def _octets(self, returned: Returned, size: int) -> str:
        """How much is returned, if the limit left something out."""
        content = returned.content
        if content is None or not content.truncated:
            return ""
        return self._octets_returned.format(returned=len(content.body), size=size)

    def _closing_until(self, kind: str, until: datetime | None) -> str:
        if until is None:
            return self._closing[kind].format_map(self._names)
        return self._closing["delayed_until"].format(until=date_time(until), **self._names)


def _around(text: str) -> tuple[str, str]:
    """What stands before and behind the mark; all before it where there is none."""
    before, _, after = text.partition(_MARK)
    return before, after


def lines(text: str, indent: str = "", width: int = PREFERRED_LINE) -> str:
    """A text of ours as lines joined by CRLF, the long ones folded."""
    return "\r\n".join(folded(f"{indent}{line.rstrip()}", indent, width) for line in text.split("\n"))
