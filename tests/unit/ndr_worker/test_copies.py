"""The copies folder: whole files or none, whatever the disk does."""

import errno
import os
import resource
import time
from pathlib import Path

import pytest

from services.ndr_worker.records.copies import CopiesFolder, CopyUnwritable
from tests.unit.ndr_worker.builders import compose

MAIL_ID = "ndr.12345678-90ab-cdef-1234-567890abcdef"
MESSAGE = b"Subject: x\r\n\r\nfirst\r\n.\r\n..second\r\n"


def test_a_copy_is_the_message_as_mailed_named_by_its_id(tmp_path: Path) -> None:
    CopiesFolder(tmp_path).keep(MAIL_ID, MESSAGE)
    (copy,) = tmp_path.iterdir()
    assert copy.name == f"{MAIL_ID}.msg"
    assert copy.read_bytes() == MESSAGE


def test_a_composed_notifications_id_names_its_copy(tmp_path: Path) -> None:
    ndr = compose()
    CopiesFolder(tmp_path).keep(ndr.mail_id, ndr.message)
    assert (tmp_path / f"{ndr.mail_id}.msg").read_bytes() == ndr.message


def test_the_folder_is_made_also_when_it_vanishes_later(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "bounces"
    copies = CopiesFolder(folder)
    copies.open()
    folder.rmdir()
    copies.keep(MAIL_ID, MESSAGE)
    assert [path.name for path in folder.iterdir()] == [f"{MAIL_ID}.msg"]


def test_a_retry_overwrites_the_same_file(tmp_path: Path) -> None:
    copies = CopiesFolder(tmp_path)
    copies.keep(MAIL_ID, b"a longer first one\r\n")
    copies.keep(MAIL_ID, MESSAGE)
    (copy,) = tmp_path.iterdir()
    assert copy.read_bytes() == MESSAGE


def test_a_copy_shows_under_its_name_only_once_it_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bool, int]] = []
    fsync = os.fsync

    def watch(fd: int) -> None:
        fsync(fd)
        (path,) = tmp_path.iterdir()
        seen.append((path.suffix, path.name.startswith("."), path.stat().st_size))

    monkeypatch.setattr(os, "fsync", watch)
    CopiesFolder(tmp_path).keep(MAIL_ID, MESSAGE)
    assert seen == [(".tmp", True, len(MESSAGE)), (".msg", False, len(MESSAGE))]


def test_the_operators_umask_decides_who_may_read_a_copy(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        CopiesFolder(tmp_path).keep(MAIL_ID, MESSAGE)
    finally:
        os.umask(before)
    assert (tmp_path / f"{MAIL_ID}.msg").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("mail_id", ["", "../x", "a/b", "a b", "a\n", "a\0", "ü"])
def test_an_id_that_is_no_file_name_is_refused(tmp_path: Path, mail_id: str) -> None:
    folder = tmp_path / "bounces"
    with pytest.raises(CopyUnwritable, match="letters, digits"):
        CopiesFolder(folder).keep(mail_id, MESSAGE)
    assert list(tmp_path.iterdir()) == []


def test_leftovers_are_removed_once_no_process_can_be_writing_them(tmp_path: Path) -> None:
    old, new, kept = tmp_path / ".a.msg.00.tmp", tmp_path / ".b.msg.00.tmp", tmp_path / "a.msg"
    hour_ago = time.time() - 3601
    for path in (old, new, kept):
        path.touch()
    for path in (old, kept):
        os.utime(path, (hour_ago, hour_ago))
    CopiesFolder(tmp_path).open()
    assert set(tmp_path.iterdir()) == {new, kept}


def test_a_full_disk_leaves_the_former_copy_and_nothing_else(tmp_path: Path) -> None:
    copies = CopiesFolder(tmp_path)
    copies.keep(MAIL_ID, b"former")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(
            CopyUnwritable, match=rf"{MAIL_ID}\.msg cannot be written: File too large"
        ) as failure:
            copies.keep(MAIL_ID, MESSAGE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert copies.trouble() == str(failure.value)
    (copy,) = tmp_path.iterdir()
    assert copy.read_bytes() == b"former"
    copies.keep(MAIL_ID, MESSAGE)
    assert copies.trouble() is None


def test_a_copy_that_does_not_reach_the_disk_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(CopyUnwritable, match="No space left on device"):
        CopiesFolder(tmp_path).keep(MAIL_ID, MESSAGE)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_shows_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    copies = CopiesFolder(tmp_path / "file" / "bounces")
    with pytest.raises(CopyUnwritable, match="Not a directory"):
        copies.open()
    assert "Not a directory" in (copies.trouble() or "")
