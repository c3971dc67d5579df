import pytest

from services.console.progress import progress_bar

Capture = pytest.CaptureFixture[str]


def test_on_a_terminal_progress_is_shown_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar("replaying", "messages") as progress:
        progress(3, 4)
    output, errors = capsys.readouterr()
    assert output == ""
    assert "replaying" in errors
    assert "3 messages" in errors


def test_elsewhere_nothing_is_shown(capsys: Capture) -> None:
    with progress_bar("replaying", "messages") as progress:
        progress(3, 4)
    assert capsys.readouterr() == ("", "")
