"""The handler: one mail from the queue, through the ledger and the mail server, to its results.

The ledger knows each recipient, so a repeated message is dropped, a retried one goes only to those who have
not got it, and an attempt whose relay died is seen. Such an attempt is in doubt (RFC 1047): the mail is sent
again with the same Message-ID, which is the policy, and counted.
"""

import hashlib
import queue
import re
import time
from collections import Counter
from collections.abc import Sequence

import structlog

from services.mail_relay import attempt
from services.mail_relay.attempt import Begun, RecipientResult
from services.mail_relay.envelope import ledger_name, malformed
from services.mail_relay.ledger import Ledger
from services.mail_relay.reply import Verdict
from services.mail_relay.submission import Submission
from shared.broker.consumer import Delivery
from shared.telemetry.metrics import MAIL_DELIVERIES, MAIL_DELIVERY
from shared.wire import Mail, MessageRef
from shared.worker import Poison, Retry

_log = structlog.get_logger()
_MAIL_ID = re.compile(r"[!-~]{1,200}")
_COUNTERS = {
    name: MAIL_DELIVERIES.labels(name)
    for name in ("delivered", "deferred", "failed", "double-bounce", "repeated", "in-doubt")
}


class Relay:
    """Delivers mail; called on as many threads as there are submissions.

    Args:
        ledger: what became of every mail.
        submissions: the SMTP connections.
    """

    def __init__(self, ledger: Ledger, submissions: Sequence[Submission]) -> None:
        self._ledger = ledger
        # last in, first out, so that few connections are busy rather than all idle
        self._submissions: queue.LifoQueue[Submission] = queue.LifoQueue()
        for submission in submissions:
            self._submissions.put(submission)

    def handle(self, delivery: Delivery) -> None:
        """Deliver the mail of one message; see `deliver`.

        Raises:
            WireError: it is no mail/1.
        """
        self.deliver(Mail.decode(delivery.type, delivery.body))

    def deliver(self, mail: Mail) -> None:
        """Send a mail to whoever of its recipients still needs it, and record what became of each.

        Raises:
            Retry: some recipients are deferred, or another relay is sending to them.
            Poison: the mail can never be sent: its id, reverse-path or stored message is not usable.
        """
        _refuse_unusable(mail)
        begun = self._ledger.begin(mail, list(dict.fromkeys(map(ledger_name, mail.rcpt_to))))
        _note(mail, begun)
        results = self._attempt(mail, begun) if begun.attempts else []
        if isinstance(mail.message, MessageRef) and attempt.all_finished(begun, results):
            self._ledger.forget_body(mail.mail_id, mail.message.mail_id)
        if reason := attempt.reason_to_retry(results):
            raise Retry(reason)
        if begun.elsewhere:
            raise Retry("another relay is at it", limited=False)

    def close(self) -> None:
        """End the SMTP connections that no thread is using."""
        while not self._submissions.empty():
            self._submissions.get().close()

    def _attempt(self, mail: Mail, begun: Begun) -> list[RecipientResult]:
        try:
            message = self._message(mail)
        except Poison as poison:
            # an operator may mend and replay it: the attempt must not stay open
            postponed = [attempt.postponed(opened.recipient, str(poison)) for opened in begun.attempts]
            self._ledger.record(mail, begun.attempts, postponed, b"")
            raise
        if begun.expired:
            results = [attempt.expired(opened, mail.expires_at) for opened in begun.attempts]
        else:
            results = self._submit(mail, [opened.recipient for opened in begun.attempts], message)
        self._ledger.record(mail, begun.attempts, results, message)
        _count(mail, results)
        return results

    def _submit(self, mail: Mail, recipients: Sequence[str], message: bytes) -> list[RecipientResult]:
        submission = self._submissions.get()
        started = time.perf_counter()
        try:
            return submission.submit(mail, recipients, message)
        finally:
            MAIL_DELIVERY.observe(time.perf_counter() - started)
            self._submissions.put(submission)

    def _message(self, mail: Mail) -> bytes:
        """The mail's message, loaded and verified when it travels as a reference."""
        reference = mail.message
        if isinstance(reference, bytes):
            return reference
        message = self._ledger.load_body(reference.mail_id)
        if message is None:
            raise Poison(f"mail_body has no row {reference.mail_id!r}; store the message again, then replay")
        if len(message) != reference.size or hashlib.sha256(message).hexdigest() != reference.sha256:
            raise Poison(
                f"mail_body {reference.mail_id!r} is not the message that was stored: {len(message)} octets,"
                f" {reference.size} expected, or another SHA-256; store it again, then replay"
            )
        return message


def _refuse_unusable(mail: Mail) -> None:
    """Park what can be neither entered into the ledger nor reported to anybody."""
    if not _MAIL_ID.fullmatch(mail.mail_id):
        raise Poison(f"mail_id {mail.mail_id!r:.200} is not 1 to 200 visible ASCII characters")
    if mail.mail_from and (flaw := malformed(mail.mail_from)):
        raise Poison(f"mail_from {mail.mail_from!r:.300} cannot be sent: {flaw}")


def _note(mail: Mail, begun: Begun) -> None:
    if begun.finished and not begun.attempts and not begun.elsewhere:
        _COUNTERS["repeated"].inc(begun.finished)
        _log.info("already finished, dropped", action="mail-repeated", mail_id=mail.mail_id)
    resumed = [opened.recipient for opened in begun.attempts if opened.resumed]
    if resumed:
        _COUNTERS["in-doubt"].inc(len(resumed))
        _log.warning(
            "a relay ended without a result; sending again with the same Message-ID",
            action="mail-in-doubt",
            mail_id=mail.mail_id,
            recipients=resumed,
        )


def _count(mail: Mail, results: Sequence[RecipientResult]) -> None:
    outcomes = Counter(attempt.outcome(result, mail.mail_from) for result in results)
    for name, number in outcomes.items():
        _COUNTERS[name].inc(number)
    for result in results:
        if result.verdict is not Verdict.DELIVERED:
            _log.warning(
                "not delivered",
                action=f"mail-{attempt.outcome(result, mail.mail_from)}",
                mail_id=mail.mail_id,
                recipient=result.recipient,
                reply=result.reply,
            )
