"""The languages of the human part: reading their folders, and choosing one for a recipient.

A language is a folder named by its tag (`en`, `pt-BR`) with a `wording.toml`, and a `notification.html` if it
wants a page of its own. The shipped folders stand beside this module; an operator's folder of the same shape
adds languages, and changes single texts of the shipped ones.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError

from services.ndr_worker.composition import sanitise
from shared.errors import MailroomError

_SHIPPED = Path(__file__).with_name("wording")
_REFERENCE = "en"
_TEXTS = "wording.toml"
_PAGE = "notification.html"
_TAG = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_DETAIL = re.compile(r"\d{1,3}\.\d{1,3}")
# With what is filled in it stays well within the 998 octets of a line.
_LONGEST = 300
#: Tables that may have further entries, by subject and detail of a status code.
_BY_STATUS = ("cause", "next_step")

Texts = Mapping[str, Mapping[str, str]]


class WordingBroken(MailroomError):
    """A folder of texts for notifications can't be used."""


@dataclass(frozen=True, slots=True)
class Wording:
    """The texts of one language.

    Attributes:
        language: Its tag, for Content-Language.
        texts: Each text by table and key, as in `wording/en/wording.toml`; placeholders still in braces.
        page: The template of the HTML alternative.
    """

    language: str
    texts: Texts
    page: Template


def read_wording(language: str, templates_path: Path | None = None) -> Wording:
    """Read the texts of a language.

    Args:
        language: Its tag, the name of its folder.
        templates_path: An operator's folder of languages, which goes before the shipped ones.

    Returns:
        Its texts, complete.

    Raises:
        WordingBroken: There is no such language, or one of its files is broken or incomplete.
    """
    folders = [folder for folder in (_SHIPPED, templates_path) if folder]
    if not _TAG.fullmatch(language):
        raise WordingBroken(f"{language!r} is no language; give a tag such as en")
    files = [file for folder in folders if (file := folder / language / _TEXTS).is_file()]
    if not files:
        raise WordingBroken(
            f"no texts for language {language!r}; "
            f"add {(templates_path or Path('templates_path')) / language / _TEXTS}, or name another language"
        )
    reference = _read(_SHIPPED / _REFERENCE / _TEXTS)
    texts: dict[str, dict[str, str]] = {table: {} for table in reference}
    for file in files:
        for table, entries in _checked(file, _read(file), reference).items():
            texts[table] |= entries
    _require_all(files[-1].parent, texts, reference)
    return Wording(
        language,
        MappingProxyType({table: MappingProxyType(entries) for table, entries in texts.items()}),
        _page(language, folders),
    )


def _read(file: Path) -> Texts:
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WordingBroken(f"{file} cannot be read: {error}; mend the file") from error
    for table, entries in tables.items():
        if not isinstance(entries, dict):
            raise WordingBroken(f"{file}: {table} is no table; write [{table}]")
        for key, text in entries.items():
            if not isinstance(text, str):
                raise WordingBroken(f"{file}: {table}.{key} is no text; put it in quotes")
    return tables


def _checked(file: Path, texts: Texts, reference: Texts) -> Texts:
    """The texts of a file, none of them unknown, unsafe or with a placeholder that nothing fills."""
    for table, entries in texts.items():
        if table not in reference:
            raise WordingBroken(f"{file}: there is no table {table}; known are {', '.join(reference)}")
        for key, text in entries.items():
            known = reference[table].get(key, "" if table in _BY_STATUS and _DETAIL.fullmatch(key) else None)
            if known is None:
                raise WordingBroken(f"{file}: there is no text {table}.{key}; remove it")
            if any(sanitise.is_unsafe(line) for line in text.split("\n")):
                raise WordingBroken(f"{file}: {table}.{key} has control or invisible characters")
            if max(map(len, text.split("\n"))) > _LONGEST:
                raise WordingBroken(
                    f"{file}: {table}.{key} has a line of over {_LONGEST} characters; break it"
                )
            _check_placeholders(file, f"{table}.{key}", text, known)
    return texts


def _check_placeholders(file: Path, key: str, text: str, reference: str) -> None:
    allowed = {name for _, name, _, _ in Formatter().parse(reference) if name is not None}
    try:
        found = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(text)]
    except ValueError as error:
        raise WordingBroken(f"{file}: {key}: {error}; write a brace twice to show it") from error
    for name, spec, conversion in found:
        if name is not None and (name not in allowed or spec or conversion):
            may = ", ".join(f"{{{each}}}" for each in sorted(allowed)) or "none"
            raise WordingBroken(f"{file}: {key} has the placeholder {{{name}}}; it may have: {may}")


def _require_all(folder: Path, texts: Texts, reference: Texts) -> None:
    for table, entries in reference.items():
        for key in entries:
            if not texts[table].get(key, "").strip():
                raise WordingBroken(f"{folder} lacks the text {table}.{key}; add it to {_TEXTS}")


def _page(language: str, folders: list[Path]) -> Template:
    """The page of the HTML alternative: the language's own, else the folder's, an operator's first."""
    places = [place for folder in reversed(folders) for place in (folder / language, folder)]
    environment = Environment(autoescape=True, loader=FileSystemLoader(places), undefined=StrictUndefined)
    try:
        return environment.get_template(_PAGE)
    except (TemplateError, OSError, UnicodeDecodeError) as error:
        where = getattr(error, "filename", None) or folders[-1]
        raise WordingBroken(f"{where}: {_PAGE} cannot be used: {error}; mend the template") from error


def chosen(address: str, languages: Mapping[str, str], default: str) -> str:
    """The language for a recipient: the most specific entry wins.

    Args:
        address: Who reads the notification.
        languages: Language by address (`a@b.fr`), domain (`b.fr`) or ending (`.fr`), in lower case.
        default: The language when no entry fits.
    """
    if not languages:
        return default
    address = address.lower()
    domain = address.rpartition("@")[2]
    for key in (address, domain):
        if key in languages:
            return languages[key]
    ending = domain
    while "." in ending:
        ending = ending.partition(".")[2]
        if f".{ending}" in languages:
            return languages[f".{ending}"]
    return default
