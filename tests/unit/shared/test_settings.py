"""Reading settings: where they come from, and everything that is wrong told at once."""

from datetime import timedelta
from pathlib import Path

import pytest

from shared.settings import SettingsInvalid, load_settings


def problems(tmp_path: Path, toml: str = "", **environment: str) -> str:
    path = tmp_path / "mailroom.toml"
    path.write_text(toml)
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(path, environment)
    return str(caught.value)


def test_without_anything_the_defaults_hold() -> None:
    settings = load_settings(None, {})
    assert settings.amqp_prefix == "mailroom"
    assert settings.ndr.interval_low == timedelta(seconds=5)
    assert settings.ndr.delay_start == timedelta(minutes=1)
    assert settings.ndr.queuecache == 100
    assert settings.ndr.attachmsg == 4096


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mailroom.toml"
    path.write_text('amqp_prefix = "file"\n[ndr]\nqueuecache = "1K"\nattachmsg = 0\n')
    settings = load_settings(path, {"MAILROOM_AMQP_PREFIX": "env", "MAILROOM_NDR__ATTACHMSG": "8K"})
    assert (settings.amqp_prefix, settings.ndr.queuecache, settings.ndr.attachmsg) == ("env", 1024, 8192)


def test_the_config_variable_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text('amqp_prefix = "other"')
    assert load_settings(None, {"MAILROOM_CONFIG": str(path)}).amqp_prefix == "other"


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://u:secret@db/mailroom\n")
    settings = load_settings(None, {"MAILROOM_DATABASE_URL_FILE": str(secret)})
    assert settings.database_url == "postgresql://u:secret@db/mailroom"


@pytest.mark.parametrize("turned", [False, True])
def test_a_variable_and_a_file_for_it_are_refused_together_whatever_their_order(
    tmp_path: Path, *, turned: bool
) -> None:
    secret = tmp_path / "smtp_url"
    secret.write_text("smtp://one.example", "utf-8")
    variables = [("MAILROOM_SMTP_URL", "smtp://other.example"), ("MAILROOM_SMTP_URL_FILE", str(secret))]
    with pytest.raises(
        SettingsInvalid, match="SMTP_URL_FILE: MAILROOM_SMTP_URL is set too; set one of the two"
    ):
        load_settings(None, dict(reversed(variables) if turned else variables))


def test_three_mistakes_are_told_at_once(tmp_path: Path) -> None:
    told = problems(
        tmp_path, '[ndr]\ninterval_lo = "5s"\ninterval_high = "soon"\nndr_from = "nobody at home"\n'
    )
    assert "wrong in 3 place(s)" in told
    assert "ndr.interval_lo: unknown key; did you mean interval_low?" in told
    assert "ndr.interval_high = 'soon': not a time span" in told
    assert "ndr.ndr_from = 'nobody at home': not a mail address" in told


def test_an_unknown_variable_is_no_setting_that_silently_does_nothing(tmp_path: Path) -> None:
    assert "did you mean MAILROOM_DATABASE_URL?" in problems(tmp_path, MAILROOM_DATABSE_URL="x")


def test_a_password_is_never_printed(tmp_path: Path) -> None:
    told = problems(tmp_path, MAILROOM_DATABASE_URL="mysql://user:secret@host/db")
    assert "secret" not in told
    assert "mysql://user:***@host/db" in told


def test_the_first_administrator_needs_a_name_and_a_password_which_is_never_printed(tmp_path: Path) -> None:
    told = problems(tmp_path, MAILROOM_CONSOLE__ADMIN_PASSWORD="hunter2")  # noqa: S106 - shown on purpose
    assert "set admin_name and admin_password" in told
    assert "hunter2" not in told
    assert "hunter2" not in problems(tmp_path, '[console]\nadmin_password = ["hunter2"]\n')
    password = tmp_path / "password"
    password.write_text("hunter2\n")
    given = {
        "MAILROOM_CONSOLE__ADMIN_NAME": "root",
        "MAILROOM_CONSOLE__ADMIN_PASSWORD_FILE": str(password),
    }
    settings = load_settings(None, given)
    assert settings.console.admin_password
    assert settings.console.admin_password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings)


def test_a_file_that_is_not_there_or_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"gone\.toml: cannot be read"):
        load_settings(tmp_path / "gone.toml", {})
    assert "is not TOML" in problems(tmp_path, "no toml at all")


def test_the_intervals_keep_their_order() -> None:
    ndr = load_settings(None, {"MAILROOM_NDR__INTERVAL_LOW": "10m"}).ndr
    assert ndr.interval_low == ndr.interval_high == ndr.interval_error == timedelta(minutes=10)


def test_a_cluster_has_several_nodes() -> None:
    settings = load_settings(None, {"MAILROOM_AMQP_URL": "amqp://a/, amqps://b/"})
    assert settings.amqp_url == ("amqp://a/", "amqps://b/")


def test_s10_the_documents_defaults_hold_and_k_is_1024(tmp_path: Path) -> None:
    path = tmp_path / "mailroom.toml"
    path.write_text('[ndr]\nattachmsg = "256K"\n')
    ndr = load_settings(path, {}).ndr
    assert ndr.delay_start == timedelta(minutes=1)
    assert ndr.attachmsg == 262144
