"""The handler: one mail from the queue, through the ledger and the mail server, to its results.

The ledger knows each recipient, so a repeated message is dropped, a retried one goes only to those who have
not got it, and an attempt whose relay died is seen. Such an attempt is in doubt (RFC 1047): policy decides
whether the mail is sent again with the same Message-ID, or held for people to decide.
"""

import hashlib
import queue
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import structlog

from services.mail_relay import attempt
from services.mail_relay.attempt import Begun, OpenAttempt, RecipientResult
from services.mail_relay.connection import ConnectionLost
from services.mail_relay.envelope import ledger_name, malformed
from services.mail_relay.gate import Gate
from services.mail_relay.leases import Lease, Leases
from services.mail_relay.ledger import Ledger
from services.mail_relay.limits import Limits
from services.mail_relay.places import Places
from services.mail_relay.reply import Verdict
from services.mail_relay.retry_schedule import RetrySchedule
from services.mail_relay.submission import Submission
from shared.broker.consumer import Delivery
from shared.broker.events import Events
from shared.settings.relay import RelaySettings
from shared.telemetry import tracing
from shared.telemetry.metrics import MAIL_DELIVERIES, MAIL_DELIVERY
from shared.wire import Mail, MessageRef
from shared.worker import Poison, Retry

_log = structlog.get_logger()
_MAIL_ID = re.compile(r"[!-~]{1,200}")
#: Seconds that a mail in hand waits for a server that cannot be used, before it goes to the ladder.
_PATIENCE = 30.0
#: One mail is being sent over a connection, and the next ones have their attempt already.
_PLACES_PER_CONNECTION = 2
_STOPPING = "the relay is stopping"
_COUNTERS = {
    name: MAIL_DELIVERIES.labels(name)
    for name in ("delivered", "deferred", "failed", "double-bounce", "repeated", "in-doubt", "not-offered")
}


class Relay:
    """Delivers mail; called on any number of threads, of which as many send as there are submissions.

    Args:
        ledger: what became of every mail.
        submissions: the SMTP connections.
        settings: the retry schedule.
        limits: of destinations.
        events: tells other systems of results.
        patience: seconds that a mail waits for a server that cannot be used.
    """

    def __init__(
        self,
        ledger: Ledger,
        submissions: Sequence[Submission],
        settings: RelaySettings,
        limits: Limits,
        events: Events,
        *,
        patience: float = _PATIENCE,
    ) -> None:
        self._ledger = ledger
        self._limits = limits
        self._events = events
        self._patience = patience
        self._schedule = RetrySchedule(settings.retry_after, settings.retry_jitter)
        self._gate = Gate(self._try_server, ConnectionLost)
        self._leases = Leases(ledger, limits.forget_idle)
        # last in, first out, so that few connections are busy rather than all idle
        self._submissions: queue.LifoQueue[Submission] = queue.LifoQueue()
        for submission in submissions:
            self._submissions.put(submission)
        self._places = Places(_PLACES_PER_CONNECTION * len(submissions))

    def start(self) -> None:
        """Begin to keep the leases of mails in hand."""
        self._leases.start()

    def stop_waiting(self) -> None:
        """Let no mail wait any more that has no attempt yet: the process is about to end."""
        self._gate.abandon()
        self._places.abandon()

    def close(self) -> None:
        """End the SMTP connections that no thread is using, and the leases."""
        self._leases.stop()
        while not self._submissions.empty():
            self._submissions.get().close()

    def handle(self, delivery: Delivery) -> None:
        """Deliver the mail of one message; see `deliver`.

        Raises:
            WireError: it is no mail/1.
        """
        self.deliver(Mail.decode(delivery.type, delivery.body))

    def deliver(self, mail: Mail) -> None:
        """Send a mail to whoever of its recipients still needs it, and record what became of each.

        Raises:
            Retry: some recipients are deferred, or another relay is sending to them, or the server cannot be
                used.
            Poison: the mail can never be sent, because its id, reverse-path or stored message is not usable;
                or only an operator can say whether it is to be sent again.
        """
        _refuse_unusable(mail)
        self._await_server(mail)
        with self._places.taken() as give_back:
            if give_back is None:
                raise Retry(_STOPPING, limited=False, delay=timedelta(0))
            begun, results = self._begin_and_attempt(mail, give_back)
        if isinstance(mail.message, MessageRef) and attempt.all_finished(begun, results):
            self._ledger.forget_body(mail.mail_id, mail.message.mail_id)
        self._decide(begun, results)

    def _begin_and_attempt(
        self, mail: Mail, give_back: Callable[[], None]
    ) -> tuple[Begun, list[RecipientResult]]:
        """Open attempts and make them; `give_back` is called when they only want recording."""
        asked_at = time.monotonic()
        begun = self._ledger.begin(mail, list(dict.fromkeys(map(ledger_name, mail.rcpt_to))))
        _note(mail, begun)
        if not begun.attempts:
            return begun, []
        with self._leases.keep(mail.mail_id, begun.attempts[0].attempt_id, asked_at) as lease:
            return begun, self._attempt(mail, begun, lease, give_back)

    def _await_server(self, mail: Mail) -> None:
        """Wait while the server cannot be used; a mail whose time is over needs no server."""
        if not self._gate.passed(self._patience) and mail.expires_at > datetime.now(UTC):
            reason = self._gate.reason or _STOPPING
            raise Retry(reason, limited=False, delay=timedelta(0))

    def _try_server(self) -> None:
        with self._submission() as submission:
            submission.connect()

    def _attempt(
        self, mail: Mail, begun: Begun, lease: Lease, give_back: Callable[[], None]
    ) -> list[RecipientResult]:
        """Make the attempts that were opened, and close them."""
        try:
            results, message = self._results(mail, begun, lease)
            give_back()
        except Poison as poison:
            # an operator may mend and replay it: the attempt must not stay open
            results = [attempt.not_offered(opened.recipient, str(poison)) for opened in begun.attempts]
            self._ledger.record(mail, begun.attempts, results, b"")
            raise
        if self._ledger.hold:
            results = [attempt.held_if_in_doubt(result) for result in results]
        self._ledger.record(mail, begun.attempts, results, message)
        self._tell(mail, begun, results)
        return results

    def _results(self, mail: Mail, begun: Begun, lease: Lease) -> tuple[list[RecipientResult], bytes]:
        """What became of every attempt, and the message if some of them may need it."""
        over = [opened for opened in begun.attempts if opened.expired]
        due = [opened for opened in begun.attempts if not opened.expired]
        results = [attempt.expired(opened, mail.expires_at) for opened in over]
        message = self._message(mail) if over else b""
        if due:
            with self._limits.admission(mail, due, datetime.now(UTC) - mail.created_at) as admission:
                results += admission.postponed
                if admission.admitted:
                    offered, message = self._offer(mail, admission.admitted, lease)
                    results += offered
        # what the bounce queue does not need is not kept until the ledger has answered
        failed = any(result.verdict is Verdict.FAILED for result in results)
        return results, message if failed else b""

    def _offer(
        self, mail: Mail, attempts: Sequence[OpenAttempt], lease: Lease
    ) -> tuple[list[RecipientResult], bytes]:
        """Send the message to these recipients, if the server can be used."""
        recipients = [opened.recipient for opened in attempts]
        with (
            self._submission() as submission,
            tracing.span(
                "submit mail", kind="client", mail_kind=mail.kind, recipients=len(recipients)
            ) as span,
        ):
            # loaded only here, so that no more large messages are in memory than there are connections
            message = self._message(mail)
            try:
                submission.connect()
            except ConnectionLost as lost:
                span.fail(lost)
                self._gate.close(str(lost))
                return [attempt.not_offered(recipient, str(lost)) for recipient in recipients], b""
            started = time.perf_counter()
            try:
                results = submission.submit(mail, recipients, message, lease.ours)
            finally:
                MAIL_DELIVERY.observe(time.perf_counter() - started)
            if span.recording:
                verdicts = Counter(result.verdict.value for result in results)
                span.note(octets=len(message), attempt=attempts[0].number, **verdicts)
            return results, message

    @contextmanager
    def _submission(self) -> Iterator[Submission]:
        submission = self._submissions.get()
        try:
            yield submission
        finally:
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

    def _decide(self, begun: Begun, results: Sequence[RecipientResult]) -> None:
        """Raise what is to become of the message, unless it is done with."""
        if reason := attempt.reason_to_retry(results):
            raise Retry(
                reason,
                limited=any(result.offered for result in results if result.verdict is Verdict.DEFERRED),
                delay=self._schedule.wait(begun, results, random.random()),  # noqa: S311 - spreads load
            )
        if begun.elsewhere:
            delay = self._schedule.wait(begun, results, 0)
            raise Retry("another relay is at it", limited=False, delay=delay)
        if reason := attempt.reason_to_park(begun, results):
            raise Poison(reason)

    def _tell(self, mail: Mail, begun: Begun, results: Sequence[RecipientResult]) -> None:
        """Count, log and announce results that are recorded."""
        outcomes = [attempt.outcome(result, mail.mail_from) for result in results]
        for name, number in Counter(outcomes).items():
            _COUNTERS[name].inc(number)
        numbers = {opened.recipient: opened.number for opened in begun.attempts}
        for result, name in zip(results, outcomes, strict=True):
            if result.verdict is not Verdict.DELIVERED:
                _log.warning(
                    "not delivered",
                    action=f"mail-{name}",
                    mail_id=mail.mail_id,
                    recipient=result.recipient,
                    reply=result.reply,
                )
            if event := attempt.event(result):
                self._events.announce(
                    event,
                    mail.mail_id,
                    mail_kind=mail.kind,
                    recipient=result.recipient,
                    attempt=numbers[result.recipient],
                    smtp_status=result.smtp_status,
                    enhanced_status=result.enhanced_status,
                    reply=result.reply,
                )


def _refuse_unusable(mail: Mail) -> None:
    """Park what can be neither entered into the ledger nor reported to anybody."""
    if not _MAIL_ID.fullmatch(mail.mail_id):
        raise Poison(f"mail_id {mail.mail_id!r:.200} is not 1 to 200 visible ASCII characters")
    if mail.mail_from and (flaw := malformed(mail.mail_from)):
        raise Poison(f"mail_from {mail.mail_from!r:.300} cannot be sent: {flaw}")


def _note(mail: Mail, begun: Begun) -> None:
    if begun.finished and not begun.attempts and not begun.elsewhere and not begun.held:
        _COUNTERS["repeated"].inc(begun.finished)
        _log.info("already finished, dropped", action="mail-repeated", mail_id=mail.mail_id)
    resumed = [opened.recipient for opened in begun.attempts if opened.resumed]
    for recipients, what in (
        (resumed, "sending again with the same Message-ID"),
        (begun.newly_held, "held for an operator to decide"),
    ):
        if recipients:
            _COUNTERS["in-doubt"].inc(len(recipients))
            _log.warning(
                f"a relay ended without a result; {what}",
                action="mail-in-doubt",
                mail_id=mail.mail_id,
                recipients=recipients,
            )
