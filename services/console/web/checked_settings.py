"""Settings for the type checker's Django plugin, which wants a module of them; nothing else reads it."""

from pathlib import Path

from services.console.web.project import django_settings
from shared.settings import load_settings

globals().update(django_settings(load_settings(Path("/dev/null"), {}), "mailroom", "for the type checker"))
