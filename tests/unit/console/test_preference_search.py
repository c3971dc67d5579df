"""Finding preferences by words."""

import pytest

from services.console.preferences.preferences import StoredPreference
from services.console.preferences.search import matching

INTERVAL = StoredPreference("exchange__report_interval", "12h", "12h", "duration", "Reporting interval", "")
LEVEL = StoredPreference("exchange__report_level", "INFO", "INFO", "level", "Level of the reports", "")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", [INTERVAL, LEVEL]),
        ("  exchange  ", [INTERVAL, LEVEL]),
        ("report_interval", [INTERVAL]),
        ("LEVEL the", [LEVEL]),
        ("interval level", []),
    ],
)
def test_each_word_is_in_key_or_label(words: str, found: list[StoredPreference]) -> None:
    assert matching([INTERVAL, LEVEL], words) == found
