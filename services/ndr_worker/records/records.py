"""The records kept outside the database: the audit file and the copies folder, either of them optional."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from services.ndr_worker.queue.bounce_queue import Finished
from services.ndr_worker.records.audit_line import AuditRecord
from services.ndr_worker.records.audit_log import AuditLog
from services.ndr_worker.records.copies import CopiesFolder
from services.ndr_worker.records.path_tokens import folder_path
from shared.settings import Settings
from shared.telemetry.metrics import RECORD_WRITE_ERRORS, begin_at_zero


class Records:
    """Writes what the settings ask for, before the entries it is about are removed.

    Args:
        settings: `ndr.audit*`, `ndr.ndr_copies_folder`, `directories`.

    Raises:
        UnknownPathToken: a path has a token that nothing stands for.
    """

    def __init__(self, settings: Settings) -> None:
        ndr = settings.ndr
        self._audit = (
            AuditLog(
                ndr.audit,
                rotation=ndr.audit_rot,
                max_size=ndr.audit_maxfile,
                buffer=ndr.audit_buffer,
                flush=ndr.audit_flush,
                directories=settings.directories,
            )
            if ndr.audit
            else None
        )
        folder = ndr.ndr_copies_folder
        self._copies = CopiesFolder(folder_path(folder, settings.directories)) if folder else None
        begin_at_zero(RECORD_WRITE_ERRORS, ("copies", "audit"))

    def open(self) -> None:
        """Open file and folder, so that a wrong path shows before there is anything to write.

        Raises:
            AuditUnwritable, CopyUnwritable: one cannot be opened.
        """
        for part in (self._audit, self._copies):
            if part:
                part.open()

    def try_out(self) -> None:
        """See whether a record that could not be written last time could be written now.

        Asked before anything is published: what is published and cannot be recorded is published again.

        Raises:
            AuditUnwritable, CopyUnwritable: one could not.
        """
        for record, part in (("audit", self._audit), ("copies", self._copies)):
            if part:
                with _failures_counted(record):
                    part.try_out()

    def keep_copies(self, copies: Iterable[tuple[str, bytes]]) -> None:
        """Write NDRs to the copies folder; a repetition overwrites the same files.

        Raises:
            CopyUnwritable: one cannot be written; the entries are to stay in the queue.
        """
        if self._copies is None:
            return
        with _failures_counted("copies"):
            for mail_id, message in copies:
                self._copies.keep(mail_id, message)

    def audit(self, finished: Sequence[Finished]) -> None:
        """Write an audit line for each entry, through to the disk.

        Raises:
            AuditUnwritable: it cannot be written; the entries are to stay in the queue.
        """
        if self._audit is None:
            return
        now = datetime.now(UTC)
        with _failures_counted("audit"):
            self._audit.write([_record(item, now) for item in finished])
            self._audit.flush()

    def trouble(self) -> str | None:
        """Say which record could not be written last."""
        troubles = [part.trouble() for part in (self._audit, self._copies) if part]
        return next((trouble for trouble in troubles if trouble), None)

    def close(self) -> None:
        """Close the audit file."""
        if self._audit:
            self._audit.close()


@contextmanager
def _failures_counted(record: str) -> Iterator[None]:
    """Count a failure; each one, as the alert about them lasts for as long as they go on."""
    try:
        yield
    except Exception:
        RECORD_WRITE_ERRORS.labels(record).inc()
        raise


def _record(item: Finished, now: datetime) -> AuditRecord:
    message, entry = item.message, item.entry
    return AuditRecord(
        at=now,
        action=item.action,
        message_id=message.message_id,
        entry_id=entry.entry_id,
        ndr_id=str(item.ndr_id),
        sender=message.sender,
        received_from=message.received_from,
        recipient=entry.recipient,
        smtp_status=entry.smtp_status,
        enhanced_status=entry.enhanced_status,
        diagnostic=entry.diagnostic,
        received_at=message.received_at,
    )
