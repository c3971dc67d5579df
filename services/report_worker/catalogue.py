"""The reports there are: ours, and those an operator adds as files."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Self

from services.report_worker.report import CatalogueEntryBroken, Report, parse_report


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every usable report by name, and what is wrong with the others.

    Attributes:
        reports: the usable entries, sorted by name.
        broken: entry name to the reason it cannot be used.
    """

    reports: Mapping[str, Report]
    broken: Mapping[str, str]

    @classmethod
    def load(cls, extra_directory: Path | None = None) -> Self:
        """Read our own reports, then those in `extra_directory`; a broken entry never stops the others.

        Raises:
            CatalogueEntryBroken: `extra_directory` is not a directory.
        """
        if extra_directory is not None and not extra_directory.is_dir():
            raise CatalogueEntryBroken(
                f"reports.catalogue_path: {extra_directory} is not a directory; create or correct it"
            )
        ours = resources.files("services.report_worker") / "reports"
        reports: dict[str, Report] = {}
        broken: dict[str, str] = {}
        for directory in (ours, extra_directory):
            if directory is None:
                continue
            for name, files in _entries(directory).items():
                if name in reports:
                    broken[name] = f"report {name}: another report has this name; rename the two files"
                    continue
                try:
                    reports[name] = parse_report(name, *_texts(name, files))
                except CatalogueEntryBroken as error:
                    broken[name] = str(error)
        return cls(dict(sorted(reports.items())), broken)


def _entries(directory: Traversable) -> dict[str, dict[str, Traversable]]:
    """Entry name to its files by suffix."""
    entries: dict[str, dict[str, Traversable]] = {}
    for file in sorted(directory.iterdir(), key=lambda file: file.name):
        stem, dot, suffix = file.name.rpartition(".")
        if dot and stem and suffix in {"toml", "sql"}:
            entries.setdefault(stem, {})[suffix] = file
    return entries


def _texts(name: str, files: Mapping[str, Traversable]) -> tuple[str, str]:
    for suffix in ("toml", "sql"):
        if suffix not in files:
            raise CatalogueEntryBroken(f"report {name}: {name}.{suffix} is missing beside its other file")
    try:
        return files["toml"].read_text("utf-8"), files["sql"].read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueEntryBroken(f"report {name}: its files cannot be read: {error}") from error
