"""The settings in effect, as a settings file would give them, without passwords."""

from collections.abc import Mapping
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
            sections[name] = {key: _shown(getattr(value, key)) for key in type(value).model_fields}
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
        case Mapping():
            return {str(key): str(item) for key, item in value.items()}
        case _:
            text = str(value)
            return without_password(text) if "://" in text else text
