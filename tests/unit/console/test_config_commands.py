import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.console.cli import app
from services.console.effective_settings import without_password
from shared.settings import load_settings

SECRET = "s3cret"  # what must never be printed
URL = f"postgresql://ann:{SECRET}@db.example/mailroom"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No mailroom.toml but a test's own, no variables but a test's own."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "REPORTS_DATABASE_URL", "AMQP_URL", "AMQP_PREFIX", "SMTP_URL", "CONFIG"):
        monkeypatch.delenv(f"MAILROOM_{name}", raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        (URL, "postgresql://ann:***@db.example/mailroom"),
        ("amqp://guest:a%2Fb@h/v", "amqp://guest:***@h/v"),
        ("smtp://h:25", "smtp://h:25"),
        ("smtp://ann@h", "smtp://ann@h"),
        (f"postgresql://db/m?user=ann&password={SECRET}", "postgresql://db/m?user=ann&password=***"),
        (f"smtp://ann:{SECRET}@x@h:25", "smtp://ann:***@h:25"),
    ],
)
def test_a_password_is_masked_wherever_it_stands(url: str, masked: str) -> None:
    assert without_password(url) == masked


def test_showing_the_settings_never_shows_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILROOM_DATABASE_URL", URL)
    monkeypatch.setenv("MAILROOM_REPORTS_DATABASE_URL", URL)
    monkeypatch.setenv("MAILROOM_AMQP_URL", f"amqp://ann:{SECRET}@a/,amqp://ann:{SECRET}@b/")
    monkeypatch.setenv("MAILROOM_SMTP_URL", f"smtp://ann:{SECRET}@mx.example:25")

    for result in (run("config", "show"), run("config", "show", "--json")):
        assert result.exit_code == 0
        assert "ann:***@" in result.stdout
        assert SECRET not in result.output


def test_what_is_shown_is_a_settings_file_with_the_same_meaning(tmp_path: Path) -> None:
    (tmp_path / "mailroom.toml").write_text(
        'host_name = "mx1.example.com"\n[ndr]\nqueuecache = "7"\ndelay_notices = "4h | 1d"\n'
        'ndr_recips_additional = "a@example.com"\nlanguages = { ".fr" = "fr" }\n'
    )
    before = load_settings(None, {})

    (tmp_path / "shown.toml").write_text(run("config", "show").stdout)

    # The default URL of the broker has a password, which is masked.
    assert load_settings(tmp_path / "shown.toml", {}).model_dump(exclude={"amqp_url"}) == before.model_dump(
        exclude={"amqp_url"}
    )


def test_settings_as_json_have_every_key() -> None:
    shown = json.loads(run("config", "show", "--json").stdout)

    assert shown["ndr"]["queuecache"] == 100
    assert shown["ndr"]["audit"] is None
    assert shown["ndr"]["interval_low"] == "5s"
    assert shown["amqp_prefix"] == "mailroom"


def test_settings_in_order_are_said_to_be() -> None:
    result = run("config", "check")

    assert (result.exit_code, result.stdout) == (0, "the settings are in order\n")


@pytest.mark.parametrize("line", ['queuecashe = "7"', 'announcemta = "no host"', 'generate_ndr = "maybe"'])
def test_settings_that_are_wrong_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "mailroom.toml").write_text(f"[ndr]\n{line}\n")

    result = run("config", "check")

    assert "SettingsInvalid" in type(result.exception).__name__


def test_an_import_prints_settings_alone_on_standard_output(tmp_path: Path) -> None:
    (tmp_path / "m.xml").write_text("<report><queuecache>7</queuecache><ndr_header>x</ndr_header></report>")

    result = run("config", "import-mailismus", "m.xml")

    assert result.exit_code == 0
    assert tomllib.loads(result.stdout) == {"ndr": {"queuecache": "7"}}
    assert "report/ndr_header (left out):" in result.stderr


def test_an_import_writes_a_file_that_loads_and_overwrites_none(tmp_path: Path) -> None:
    (tmp_path / "m.xml").write_text("<report><queuecache>7</queuecache></report>")
    arguments = ("config", "import-mailismus", "m.xml", "--output", "mailroom.toml")

    assert run(*arguments).exit_code == 0
    assert load_settings(None, {}).ndr.queuecache == 7
    (tmp_path / "mailroom.toml").write_text("[ndr]\n")
    again = run(*arguments)
    assert again.exit_code == 1
    assert "--replace" in str(again.exception)
    assert run(*arguments, "--replace").exit_code == 0
    assert load_settings(None, {}).ndr.queuecache == 7


def test_an_import_as_json_has_settings_and_notes(tmp_path: Path) -> None:
    (tmp_path / "m.xml").write_text("<report><ndr_header>x</ndr_header></report>")

    imported = json.loads(run("config", "import-mailismus", "m.xml", "--json").stdout)

    assert tomllib.loads(imported["toml"]) == {"ndr": {}}
    assert imported["notes"][0]["subject"] == "report/ndr_header"


def test_a_file_that_is_not_there_is_named() -> None:
    result = run("config", "import-mailismus", "absent.xml")

    assert result.exit_code == 1
    assert "absent.xml" in str(result.exception)
