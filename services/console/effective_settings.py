"""The settings in effect, as a settings file would give them, without passwords."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import BaseModel

from services.console.toml import Value
from shared.settings import Settings
from shared.settings.values import format_time_span

_MASK = "***"
_SECRET_PARAMETERS = frozenset({"password", "sslpassword", "passfile"})

#: A setting's value; None is unset.
Shown = Value | None


def effective_settings(settings: Settings) -> dict[str, dict[str, Shown]]:
    """Return the settings by section, those without one under "", in the syntax of a settings file."""
    sections: dict[str, dict[str, Shown]] = {"": {}}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            sections[name] = {key: _shown(item) for key, item in value}
        else:
            sections[""][name] = _shown(value)
    return sections


def without_password(url: str) -> str:
    """Mask the password of a URL, wherever in it one may stand."""
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    user, colon, _ = login.partition(":")
    query = parts.query
    if any(name in _SECRET_PARAMETERS for name, _ in parse_qsl(query)):
        query = urlencode(
            [(name, _MASK if name in _SECRET_PARAMETERS else value) for name, value in parse_qsl(query)],
            safe="*",
        )
    netloc = f"{user}{colon}{_MASK if colon else ''}{at}{host}"
    return urlunsplit(parts._replace(netloc=netloc, query=query))


def _shown(value: object) -> Shown:
    match value:
        case None | bool() | int() | float():
            return value
        case timedelta():
            return format_time_span(value)
        case tuple():
            return [str(_shown(item)) for item in value]
        case BaseModel():
            return _table(value)
        case Mapping():
            return _table(value.items())
        case _:
            text = str(value)
            return without_password(text) if "://" in text else text


def _table(items: Iterable[tuple[str, object]]) -> dict[str, Value]:
    """A table within a section; what is unset has no place in it."""
    return {key: shown for key, item in items if (shown := _shown(item)) is not None}
