"""What an operator can set, read once at start-up and checked as a whole."""

from shared.settings.load import Problem, SettingsInvalid, load_settings
from shared.settings.model import Settings

__all__ = ["Problem", "Settings", "SettingsInvalid", "load_settings"]
