from datetime import timedelta

import pytest

from services.report_worker.preferences import PreferenceMalformed, Preferences


def test_a_missing_row_means_the_default() -> None:
    assert Preferences.parse({}) == Preferences(timedelta(hours=12), "INFO", False, True)


def test_values_are_read_as_operators_write_them() -> None:
    values = {
        "report_interval": "45m",
        "report_level": " NOTICE ",
        "empty_alerts": "Yes",
        "reports_enabled": "off",
    }
    assert Preferences.parse(values) == Preferences(timedelta(minutes=45), "NOTICE", True, False)


@pytest.mark.parametrize(
    ("name", "value"), [("report_interval", "soon"), ("report_interval", "0h"), ("empty_alerts", "perhaps")]
)
def test_a_malformed_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(PreferenceMalformed, match=f"exchange__{name} is '{value}'"):
        Preferences.parse({name: value})
