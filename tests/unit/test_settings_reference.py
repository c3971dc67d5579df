"""The settings page tells the truth: every setting with its names and its default."""

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from shared.settings import Settings, load_settings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
CELLS = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Row:
    """One setting as the page has it."""

    variable: str
    key: str
    default: str
    form: str


def settings_in_code(model: type[BaseModel] = Settings, section: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings_in_code(field.annotation, f"{section}{name}.")
        else:
            yield f"{section}{name}", field


def settings_on_page() -> list[Row]:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `MAILROOM_")]
    return [Row(*(cell.strip().replace(r"\|", "|") for cell in CELLS.split(line)[1:-1])) for line in lines]


def value_of(settings: BaseModel, key: str) -> object:
    value: object = settings
    for name in key.split("."):
        value = getattr(value, name)
    return value


CODE = dict(settings_in_code())
ROWS = settings_on_page()


def test_the_page_has_every_setting_once_and_no_other() -> None:
    assert sorted(row.key.strip("`") for row in ROWS) == sorted(CODE)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_a_settings_variable_is_named_after_its_key(row: Row) -> None:
    assert row.variable == f"`MAILROOM_{row.key.strip('`').replace('.', '__').upper()}`"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_the_default_on_the_page_is_the_settings_default(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no mailroom.toml is
    key = row.key.strip("`")
    if row.default == "this host's full name":
        assert CODE[key].default_factory is socket.getfqdn
    elif row.default == "unset":
        assert CODE[key].default is None
    else:
        text = "" if row.default == "none" else row.default.strip("`")
        written = load_settings(None, {row.variable.strip("`"): text})
        assert value_of(written, key) == value_of(load_settings(None, {}), key)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_every_setting_says_what_it_accepts_and_means(row: Row) -> None:
    assert row.form.endswith(".")
