"""The bounce queue: spooled messages whose recipients bounced, wait, or have not been tried.

Kinds rotate with the message's number, each at its own period, so that all combinations come up sooner or
later and the share of each kind does not depend on luck.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from services.console.sample_data import originals, replies
from services.console.sample_data.entries import bounced, waiting
from services.console.sample_data.originals import Heading
from services.console.sample_data.randomness import stream
from services.console.sample_data.replies import Reply
from services.console.sample_data.rows import QueuedMessage, QueueEntry, SpooledMessage

Choice = TypeVar("Choice")

#: Messages at scale 1.
_MESSAGES = 200
_CROWD = 60
_CROWD_EVERY = 200
_SEVERAL_EVERY = 15
_SEVERAL = (2, 12)
#: Nobody bounced: the message belongs to the MTA.
_UNTOUCHED_EVERY = 25

#: Reverse-paths; `{}` is a name. The odd ones are real practice: VERP, BATV, SRS, `%` and source routes.
_SENDERS = (
    "{}@example.com",
    "{}@example.org",
    "{}@sales.example.net",
    "{}@example.net",
    "{}+newsletter@example.com",
    "list-bounces+{}=example.org@lists.example.com",
    "prvs=2317a4c5e8={}@example.com",
    "{}@example.org",
    "SRS0=HHH=TT=example.org={}@example.net",
    "{}%example.org@example.com",
    "@relay.example:{}@example.net",
    "{}@example.com",
    "SRS1=KKK=example.org==HHH=TT=example.com={}@example.net",
    "{}.O'Brien@example.org",
    "{}@example.com",
)
_NULL_SENDER_EVERY = 19

_NAMES = (
    "alice",
    "bob",
    "carol",
    "dmitri",
    "eve",
    "frances",
    "gurpreet",
    "hana",
    "ines",
    "jack",
    "keiko",
    "liam",
)
_RECIPIENT_DOMAINS = ("example.net", "example.com", "clinic.example.org", "mail.invalid", "gone.example")

#: xtext, some of it hostile or not xtext at all (RFC 3461 4.4).
_ENVELOPE_IDS = (
    None,
    "QQ314159",
    None,
    "job+2B42+3Dpart+201",
    None,
    "Upper+2Dlower.2026",
    None,
    "x+0D+0AFinal-Recipient:+20rfc822;+20victim+40example.com",
    None,
    "not+2xtext",
    None,
)
_RETS = (None, "FULL", "HDRS", None, "FULL", None, "HDRS")
_REQUIRETLS_EVERY = 23
_ASKED_NOTIFY = (None, "FAILURE", None, "FAILURE,DELAY", None, "SUCCESS,FAILURE", "SUCCESS,FAILURE,DELAY")
_OTHER_NOTIFY = ("NEVER", None, "SUCCESS", "DELAY", "FAILURE")
_HELOS = ("client.example.com", "[198.51.100.7]", None, "localhost", "gw.example.org")


def bounces(seed: int, scale: float, now: datetime) -> Iterator[QueuedMessage]:
    """The queue of the sample, tame and hostile messages in turn.

    A bounced entry of a message with a sender never declines a notification, so each message that
    `earns_notification` leads to exactly one NDR with all of its bounced recipients.

    Args:
        seed: of the repeatable randomness.
        scale: 1 for about 200 messages with 320 entries.
        now: the nominal time; every bounce is older.
    """
    random = stream(seed, "bounces")
    for number in range(max(1, round(_MESSAGES * scale))):
        yield _Case(number, random, now).queued_message()


@dataclass(frozen=True, slots=True)
class _Case:
    """The message with this number."""

    number: int
    random: Random
    now: datetime

    def queued_message(self) -> QueuedMessage:
        bounced_at = self.now - timedelta(seconds=self.random.randrange(120, 36 * 3600))
        recipients = self._recipients()
        turns = range(self.number, self.number + len(recipients))
        given_up = any(_reply(turn).expired for turn in turns)
        received_at = bounced_at - (timedelta(days=5) if given_up else timedelta(minutes=2))
        return QueuedMessage(
            self._message(recipients[0], received_at),
            tuple(
                self._entry(position, recipient, _reply(turn), bounced_at)
                for position, (turn, recipient) in enumerate(zip(turns, recipients, strict=True))
            ),
        )

    def _recipients(self) -> list[str]:
        """Distinct addresses."""
        how_many = 1
        if self.number % _CROWD_EVERY == 0:
            how_many = _CROWD
        elif self.number % _SEVERAL_EVERY == 1:
            how_many = self.random.randint(*_SEVERAL)
        return [
            f"{_turn(_NAMES, self.number + item)}.{self.number}.{item}@{_turn(_RECIPIENT_DOMAINS, item)}"
            for item in range(how_many)
        ]

    def _message(self, recipient: str, received_at: datetime) -> SpooledMessage:
        client_is_known = self.number % 9 != 0
        return SpooledMessage(
            sender=self._sender,
            received_at=received_at,
            received_from=f"198.51.100.{self.number % 250 + 1}" if client_is_known else None,
            helo=_turn(_HELOS, self.number),
            envelope_id=_turn(_ENVELOPE_IDS, self.number),
            ret=_turn(_RETS, self.number),
            smtputf8=False,
            requiretls=self.number % _REQUIRETLS_EVERY == 1,
            content=self._content(recipient, received_at),
        )

    @property
    def _sender(self) -> str:
        if self.number % _NULL_SENDER_EVERY == _NULL_SENDER_EVERY - 1:
            return ""
        return _turn(_SENDERS, self.number).format(f"{_turn(_NAMES, self.number)}{self.number}")

    def _content(self, recipient: str, received_at: datetime) -> bytes:
        half, is_hostile = divmod(self.number, 2)
        builder = _turn(originals.HOSTILE if is_hostile else originals.REALISTIC, half)
        author = f"{_turn(_NAMES, self.number)}@example.com"
        return builder(self.random, Heading(author, recipient, received_at, self.number))

    def _entry(self, position: int, recipient: str, reply: Reply, bounced_at: datetime) -> QueueEntry:
        turn = self.number + position
        original_recipient = _original_recipient(recipient, turn)
        if self._is_waiting(position):
            tried_at = bounced_at if turn % 2 else None
            return waiting(recipient, original_recipient, _turn(_OTHER_NOTIFY, turn), tried_at)
        # Nobody may be told about a null sender's mail, whatever it asks for (RFC 3461 5.2).
        notify = _turn(_ASKED_NOTIFY if self._sender else _OTHER_NOTIFY, turn)
        return bounced(recipient, original_recipient, notify, reply, bounced_at)

    def _is_waiting(self, position: int) -> bool:
        """Whether this recipient is still the MTA's: all of some messages, some of every other list."""
        some = self.number // _SEVERAL_EVERY % 2 == 1 and position % 3 == 1
        return some or self.number % _UNTOUCHED_EVERY == _UNTOUCHED_EVERY // 2


def _turn(choices: Sequence[Choice], number: int) -> Choice:
    return choices[number % len(choices)]


def _reply(turn: int) -> Reply:
    """Every fourth one is hostile."""
    quarter, rest = divmod(turn, 4)
    return _turn(replies.TAME, turn) if rest else _turn(replies.HOSTILE, quarter)


def _original_recipient(recipient: str, turn: int) -> str | None:
    """ORCPT: absent, the recipient in one of its spellings, or what no address can be read from."""
    spelled = (
        None,
        f"rfc822;{recipient}",
        None,
        f"rfc822;{recipient.replace('.', '+2E')}",
        f"RFC822;{recipient.replace('@', '+40')}",
        None,
        "rfc822;x+0D+0AAction:+20delivered+40example.com",
        "not an address type",
    )
    return _turn(spelled, turn)
