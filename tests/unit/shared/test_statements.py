"""Named statements."""

import sys
from pathlib import Path

import pytest

from shared.database.statements import load_statements


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "with_sql").mkdir()
    (tmp_path / "with_sql" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "with_sql", raising=False)
    return tmp_path / "with_sql"


def test_each_statement_is_found_by_its_name(package: Path) -> None:
    (package / "a.sql").write_text(
        "-- about the file\n-- name: one\n-- why\nSELECT 1;\n\n-- name: two\nSELECT 2;\n"
    )
    statements = load_statements("with_sql", "a.sql")
    assert list(statements) == ["one", "two"]
    assert statements["two"] == "SELECT 2;"


def test_two_statements_of_one_name_are_refused(package: Path) -> None:
    (package / "a.sql").write_text("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;\n")
    with pytest.raises(ValueError, match="same name"):
        load_statements("with_sql", "a.sql")
