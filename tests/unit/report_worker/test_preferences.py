from datetime import timedelta

import pytest

from services.report_worker.preference_registry import (
    REGISTRY,
    PreferenceMalformed,
    PreferenceUnknown,
    validate,
)
from services.report_worker.preferences import Preferences


def test_a_missing_row_means_the_default() -> None:
    assert Preferences.parse({}) == Preferences()


def test_values_are_read_as_operators_write_them() -> None:
    values = {
        "report_interval": "45m",
        "report_level": " notice ",
        "empty_alerts": "Yes",
        "reports_enabled": "off",
        "failure_quiet": "0ms",
    }
    assert Preferences.parse(values) == Preferences(
        report_interval=timedelta(minutes=45),
        report_level="NOTICE",
        empty_alerts=True,
        reports_enabled=False,
        failure_quiet=timedelta(0),
    )


@pytest.mark.parametrize("preference", REGISTRY, ids=lambda preference: preference.name)
def test_every_preference_has_words_and_a_default_of_its_kind(preference: object) -> None:
    (found,) = (known for known in REGISTRY if known is preference)
    kinds = {"duration": timedelta, "boolean": bool, "level": str, "text": str}
    assert isinstance(validate("exchange", found.name, found.default), kinds[found.kind])
    assert found.label
    assert found.help.endswith(".")


def test_the_registry_has_every_preference_of_the_original() -> None:
    original = {
        "expire_events",
        "report_interval",
        "report_level",
        "delete_expired",
        "empty_alerts",
        "default_level",
        "source",
        "server_warn",
        "server_error",
        "bot_warn",
        "nil_duration",
        "bot_error",
        "default_error",
    }
    assert original <= {preference.name for preference in REGISTRY}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("report_interval", "soon"),
        ("report_interval", "0h"),
        ("empty_alerts", "perhaps"),
        ("report_level", "6:00:00"),
        ("failure_quiet", "-1h"),
    ],
)
def test_a_malformed_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(PreferenceMalformed, match=f"exchange__{name} is '{value}'"):
        validate("exchange", name, value)
    with pytest.raises(PreferenceMalformed):
        Preferences.parse({name: value})


@pytest.mark.parametrize(("section", "name"), [("exchange", "interval"), ("other", "report_interval")])
def test_an_unknown_preference_is_refused_with_those_there_are(section: str, name: str) -> None:
    with pytest.raises(PreferenceUnknown, match=f"no preference {section}__{name}; there are .*exchange__"):
        validate(section, name, "1h")
