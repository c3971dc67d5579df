"""Reading and writing the files an operator names."""

from pathlib import Path

from shared.errors import MailroomError


class FileUnusable(MailroomError):
    """A file cannot be read, or not be written."""


def read_file(file: Path) -> bytes:
    """Read a whole file.

    Raises:
        FileUnusable: it cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise FileUnusable(f"{file} cannot be read ({error.strerror}); give another file") from error


def write_file(file: Path, text: str, *, replace: bool) -> None:
    """Write a text in UTF-8.

    Args:
        file: to be written.
        text: all of it.
        replace: overwrite a file that is there already.

    Raises:
        FileUnusable: it is there already, or cannot be written.
    """
    try:
        with file.open("w" if replace else "x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError as error:
        raise FileUnusable(f"{file} is there already; name another file, or give --replace") from error
    except OSError as error:
        raise FileUnusable(f"{file} cannot be written ({error.strerror}); name another file") from error
