"""The rows of `mailroom.preference`, with what the registry knows of them."""

from dataclasses import dataclass

from psycopg import Connection

from services.console.names import look_up
from services.report_worker.preference_registry import REGISTRY, SECTION, PreferenceMalformed, validate
from shared.database.statements import load_statements

_SQL = load_statements("services.console.preferences", "preferences.sql")


@dataclass(frozen=True, slots=True)
class StoredPreference:
    """A preference with its value.

    Attributes:
        key: section__name.
        value: in effect, as typed: the stored one, else the default.
        default: as typed.
        kind: of its values.
        label: a few words.
        help: what it does.
        problem: why the stored value cannot be used; None when it can.
    """

    key: str
    value: str
    default: str
    kind: str
    label: str
    help: str
    problem: str | None = None


def list_preferences(connection: Connection) -> dict[str, StoredPreference]:
    """Read every preference of the registry, by key and in its order; a missing row means the default."""
    stored: dict[str, str] = dict(connection.execute(_SQL["list"]).fetchall())
    return {
        preference.key: StoredPreference(
            preference.key,
            value := stored.get(preference.key, preference.default),
            preference.default,
            preference.kind,
            preference.label,
            preference.help,
            _problem(preference.name, value),
        )
        for preference in REGISTRY
    }


def find_preference(connection: Connection, key: str) -> StoredPreference:
    """Read one preference.

    Args:
        connection: to the preferences.
        key: section__name.

    Raises:
        NameUnknown: there is none of this key.
    """
    return look_up("preference", key, list_preferences(connection))


def set_preference(connection: Connection, key: str, text: str) -> StoredPreference:
    """Store a value.

    Returns:
        The preference as it was before.

    Raises:
        NameUnknown: there is none of this key.
        PreferenceMalformed: the value is not of its kind.
    """
    before = find_preference(connection, key)
    section, _, name = key.partition("__")
    validate(section, name, text)
    connection.execute(_SQL["store"], {"section": section, "name": name, "value": text.strip()})
    return before


def _problem(name: str, value: str) -> str | None:
    try:
        validate(SECTION, name, value)
    except PreferenceMalformed as error:
        return str(error)
    return None
