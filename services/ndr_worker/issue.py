"""What one claimed notification comes to: mails, a copy for the folder, and an end for each of its entries.

Pure but for the dice of the sampled full check: the batch's shell publishes, writes and removes.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from services.ndr_worker.bounce import Action, Notification
from services.ndr_worker.composition.compose import ComposedNdr, Composer
from services.ndr_worker.composition.digest import Digest
from services.ndr_worker.composition.full_check import full_check
from services.ndr_worker.composition.identity import identity, policy
from services.ndr_worker.composition.reply import status
from services.ndr_worker.composition.verify import defects
from services.ndr_worker.policy import Decision, Discard, decide
from services.ndr_worker.queue.bounce_queue import Finished
from shared.errors import MailroomError
from shared.settings import Settings
from shared.wire import Mail

_log = structlog.get_logger()

REPORTED = "reported"
SUCCESS_REPORTED = "success-reported"
HELD = "held-for-digest"
DELAY_REPORTED = "delay-reported"
QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Issued:
    """What a notification comes to.

    Attributes:
        mails: to be on mail-out before anything else happens.
        copy: for the copies folder: mail id and message.
        finished: the entries, dealt with once mails and copy are safe.
    """

    mails: tuple[Mail, ...] = ()
    copy: tuple[str, bytes] | None = None
    finished: tuple[Finished, ...] = ()


class NdrUnfit(MailroomError):
    """A composed NDR is not what was put in; its entries are quarantined with what is wrong."""


class Issuer:
    """Turns notifications into mails by policy and settings.

    Args:
        settings: the `[ndr]` section and the host's name.
    """

    def __init__(self, settings: Settings) -> None:
        self._ndr = settings.ndr
        self._policy = policy(settings)
        self._composer = Composer(identity(settings))
        self._fallback_status = settings.ndr.ndr_status

    def issue(self, notification: Notification, now: datetime, *, past_budget: bool = False) -> Issued:
        """Decide and compose; an NDR that cannot be made costs its own entries and nothing else.

        Args:
            notification: claimed entries of one message.
            now: for the Date.
            past_budget: whether the sender has had as many NDRs as allowed: these wait for a digest.
        """
        decision = decide(notification.message, notification.recipients, self._policy, notification.action)
        finished = [*_put_aside(notification, decision)]
        try:
            mails, copy, ended = self._report(notification, decision, now, past_budget=past_budget)
            notices = self._tell_postmaster(notification, decision, now)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with this message, the others are not
            queue_id = notification.message.message_id
            _log.exception("cannot compose", action="compose-failed", queue_id=queue_id)
            reason = f"cannot be composed: {type(error).__name__}: {error}"
            quarantined = Decision(quarantined=tuple((entry, reason) for entry in decision.reported))
            return Issued(finished=(*finished, *_put_aside(notification, quarantined)))
        return Issued((*mails, *notices), copy, (*finished, *ended))

    def delay(self, notification: Notification, now: datetime) -> Issued:
        """Compose a delay notice; its entries stay in the queue. Nothing is issued where policy says so."""
        until = notification.message.received_at + self._ndr.retry_maxtime
        try:
            decision = decide(notification.message, notification.recipients, self._policy, Action.DELAYED)
            if not decision.reported:
                return Issued()
            ndr = self._composer.compose(_only(notification, decision), now, will_retry_until=until)
            mail = self._mail(self._checked(ndr, decision), "ndr", now)
            return Issued((mail,), finished=tuple(_told(notification, decision, DELAY_REPORTED)))
        except Exception:  # noqa: BLE001 - a notice that cannot be made must not keep the others from being sent
            queue_id = notification.message.message_id
            _log.exception("cannot compose a delay notice", action="compose-failed", queue_id=queue_id)
            return Issued()

    def digest(self, digest: Digest, now: datetime) -> Issued:
        """Compose the one mail that stands for the NDRs past a sender's budget."""
        return Issued((self._mail(self._composer.compose_digest(digest, now), "ndr", now),))

    def _report(
        self, notification: Notification, decision: Decision, now: datetime, *, past_budget: bool
    ) -> tuple[tuple[Mail, ...], tuple[str, bytes] | None, tuple[Finished, ...]]:
        """The NDR itself, one message more for each additional recipient, and the end of its entries."""
        if not decision.reported:
            return (), None, ()
        if past_budget:
            return (), None, tuple(self._held(notification, decision))
        reported = _only(notification, decision)
        main = self._checked(self._composer.compose(reported, now), decision)
        mails = [] if self._ndr.sink else [self._mail(main, "ndr", now)]
        mails += [
            self._mail(self._composer.compose(reported, now, copy_to=recipient), "ndr-copy", now)
            for recipient in self._ndr.ndr_recips_additional
        ]
        action = SUCCESS_REPORTED if notification.action is Action.DELIVERED else REPORTED
        return tuple(mails), (main.mail_id, main.message), tuple(_told(notification, decision, action))

    def _checked(self, ndr: ComposedNdr, decision: Decision) -> ComposedNdr:
        """Look at what was composed before it leaves: always cheaply, a share of them in full.

        Raises:
            NdrUnfit: it is not what was put in.
        """
        trouble = defects(ndr.message, len(decision.reported))
        if not trouble and self._ndr.full_check and random.random() < self._ndr.full_check:  # noqa: S311 - a sample
            trouble = full_check(ndr.message, [entry.recipient for entry in decision.reported])
        if trouble:
            raise NdrUnfit(trouble)
        return ndr

    def _tell_postmaster(
        self, notification: Notification, decision: Decision, now: datetime
    ) -> tuple[Mail, ...]:
        """A double bounce, to the local postmaster, by a mail that cannot bounce (RFC 3461 5.2)."""
        lost = any(action is Discard.NULL_SENDER for _, action in decision.discarded)
        if not lost or self._ndr.double_bounce_to is None or notification.action is not Action.FAILED:
            return ()
        ndr = self._composer.compose_double_bounce(notification, self._ndr.double_bounce_to, now)
        return (self._mail(ndr, "notice", now),)

    def _mail(self, ndr: ComposedNdr, kind: str, now: datetime) -> Mail:
        return Mail(
            mail_id=ndr.mail_id,
            kind=kind,
            mail_from="",
            rcpt_to=(ndr.rcpt_to,),
            message=ndr.message,
            created_at=now,
            expires_at=now + self._ndr.lifetime,
            body="8bitmime" if ndr.eight_bit else "7bit",
            smtputf8=ndr.smtputf8,
        )

    def _held(self, notification: Notification, decision: Decision) -> Iterator[Finished]:
        for entry in decision.reported:
            code = status(
                entry.smtp_status, entry.enhanced_status, entry.diagnostic or "", self._fallback_status
            )
            yield Finished(notification.message, entry, notification.ndr_id, HELD, held_status=code)


def _put_aside(notification: Notification, decision: Decision) -> Iterator[Finished]:
    """The entries no NDR names."""
    message, ndr_id = notification.message, notification.ndr_id
    for entry, action in decision.discarded:
        yield Finished(message, entry, ndr_id, action)
    for entry, reason in decision.quarantined:
        yield Finished(message, entry, ndr_id, QUARANTINED, quarantine_reason=reason)


def _told(notification: Notification, decision: Decision, action: str) -> Iterator[Finished]:
    """The entries an NDR names."""
    for entry in decision.reported:
        yield Finished(notification.message, entry, notification.ndr_id, action)


def _only(notification: Notification, decision: Decision) -> Notification:
    """The notification without the recipients that must not be mentioned (RFC 3461 5.2.8)."""
    return replace(notification, recipients=decision.reported)
