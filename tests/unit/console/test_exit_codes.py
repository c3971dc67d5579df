import sys

import pytest

from services.console.cli import main

Capture = pytest.CaptureFixture[str]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["mailroom", *arguments])
    with pytest.raises(SystemExit) as exit_request:
        main()
    return int(exit_request.value.code or 0)


def test_help_is_done(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    assert run(monkeypatch, "db", "--help") == 0
    assert "load-sample" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["db", "no-such-command"],
        ["db", "load-sample", "--scale", "0"],
        ["db", "load-sample", "--scale", "nan"],
        ["db", "load-sample", "--now", "yesterday"],
        ["db", "load-sample", "--now", "2026-07-01T12:00:00"],
    ],
)
def test_wrong_usage_is_2(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    assert run(monkeypatch, *arguments) == 2


def test_wrong_settings_are_78_and_named(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("MAILROOM_DATABASE_URL", "mysql://localhost/mailroom")

    assert run(monkeypatch, "db", "status") == 78
    assert "mysql://localhost/mailroom" in capsys.readouterr().err


def test_an_unreachable_database_is_1_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("MAILROOM_DATABASE_URL", "postgresql://127.0.0.1:1/mailroom")

    assert run(monkeypatch, "db", "status") == 1
    assert capsys.readouterr().err.startswith("mailroom: connection failed")
