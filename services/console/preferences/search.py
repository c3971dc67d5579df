"""Finding preferences by words of their key, label or section."""

from collections.abc import Iterable

from services.console.preferences.preferences import StoredPreference


def matching(preferences: Iterable[StoredPreference], words: str) -> list[StoredPreference]:
    """Return the preferences whose key or label has each of the words, in any case.

    Args:
        preferences: in the order of listings.
        words: with blanks between them; none: every preference.
    """
    wanted = words.casefold().split()
    return [
        preference
        for preference in preferences
        if all(word in f"{preference.key} {preference.label}".casefold() for word in wanted)
    ]
