"""The copies folder: each NDR as a file, for other programs on this host that poll it (seed 4.6.2, 3.5).

A file is named by its mail's id and appears when it is whole; its content is the message as mailed, with
CRLF and without the dot-stuffing of SMTP. A repeated batch overwrites the same file. Nothing is ever
removed: that is the business of who reads it.
"""

import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from services.ndr_worker.records.durable import TEMPORARY_FILES, replace_file, try_out
from shared.errors import MailroomError

_MAIL_ID = re.compile(r"[A-Za-z0-9._-]+")
#: Seconds after which a temporary file is a leftover: no copy takes this long to write.
_LEFTOVER_AGE: Final = 3600


class CopyUnwritable(MailroomError):
    """A copy of an NDR cannot be kept; make room or correct the folder's permissions, nothing is lost."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"the copy {path} cannot be written: {reason}; the entries stay in the queue until it can"
        )


class CopiesFolder:
    """A folder of copies; threads and processes may share it.

    Args:
        folder: Where they are kept; made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._trouble: str | None = None

    def open(self) -> None:
        """Make the folder if it is missing, and remove what processes that died have left half-written.

        Raises:
            CopyUnwritable: The folder cannot be made or read.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            oldest = time.time() - _LEFTOVER_AGE
            for leftover in self._folder.glob(TEMPORARY_FILES):
                with suppress(FileNotFoundError):  # another process, starting too, was faster
                    if leftover.stat().st_mtime < oldest:
                        leftover.unlink()
        except OSError as error:
            raise self._failed(self._folder, error) from error
        self._trouble = None

    def keep(self, mail_id: str, message: bytes) -> None:
        """Keep a copy as `<mail_id>.msg`; it is on the disk when this returns.

        Args:
            mail_id: Letters, digits, dots, underscores and hyphens.
            message: The message as mailed.

        Raises:
            CopyUnwritable: It cannot be kept; a file of this name, if there was one, is as it was.
        """
        path = self._folder / f"{mail_id}.msg"
        if not _MAIL_ID.fullmatch(mail_id):
            raise CopyUnwritable(path, "its id is not made of letters, digits, dots, underscores and hyphens")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            replace_file(path, message)
        except OSError as error:
            raise self._failed(path, error) from error
        self._trouble = None

    def try_out(self) -> None:
        """See whether what failed last time would succeed now; without a failure, do nothing.

        Raises:
            CopyUnwritable: It would not.
        """
        if self._trouble is None:
            return
        try:
            try_out(self._folder)
        except OSError as error:
            raise self._failed(self._folder, error) from error
        self._trouble = None

    def trouble(self) -> str | None:
        """Why the last copy could not be kept; None when it could."""
        return self._trouble

    def _failed(self, path: Path, error: OSError) -> CopyUnwritable:
        failure = CopyUnwritable(path, error.strerror or str(error))
        self._trouble = str(failure)
        return failure
