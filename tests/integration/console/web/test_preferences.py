"""The console's page of preferences."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.integration

LIST = "/mailroom/preference/"
Clients = Callable[[str], Any]


@pytest.fixture(autouse=True)
def preferences(database: psycopg.Connection) -> None:
    database.execute("UPDATE preference SET value = '12h' WHERE name = 'report_interval'")
    database.execute("UPDATE preference SET value = 'false' WHERE name = 'empty_alerts'")
    database.execute("DELETE FROM preference WHERE name = 'failure_quiet'")


def stored(database: psycopg.Connection) -> dict[str, str]:
    return dict(database.execute("SELECT name, value FROM preference").fetchall())


def shown(page: Any) -> list[str]:
    return [preference.key for preference in page.context["form"].preferences]


def opened(client: Any, query: str = "") -> dict[str, str]:
    """The form as a browser sends it back."""
    form = client.get(LIST + query).context["form"]
    values = {name: form[name].value() for name in form.fields if not name.startswith("reset:")}
    return {**values, **{f"initial-{name}": value for name, value in values.items()}}


def save(client: Any, query: str = "", **changed: str) -> Any:
    return client.post(LIST + query, {**opened(client, query), **changed}, follow=True)


def history(key: str) -> list[str]:
    from django.contrib.admin.models import LogEntry

    return [
        f"{entry.user}: {entry.change_message}"
        for entry in LogEntry.objects.filter(object_repr=key).order_by("id")
    ]


def test_every_preference_is_there_with_its_editor_help_and_default(client_as: Clients) -> None:
    page = client_as("operator").get(LIST)
    text = page.content.decode()

    assert "exchange__failure_quiet" in shown(page)  # although it is not stored
    assert 'name="exchange__report_interval" value="12h"' in text
    assert '<option value="INFO" selected>' in text
    assert "Length of every report" in text
    assert "Default: 4h." in text
    assert "<h2>exchange</h2>" in text


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("report_interval", ["exchange__report_interval"]),
        ("exchange__report_level", ["exchange__report_level"]),
        ("QUIET+failure", ["exchange__failure_quiet"]),
        ("reports+without+rows", ["exchange__empty_alerts"]),
        ("nothing+like+it", []),
    ],
)
def test_preferences_are_found_by_key_and_label(client_as: Clients, words: str, found: list[str]) -> None:
    assert shown(client_as("viewer").get(f"{LIST}?q={words}")) == found


def test_what_was_changed_is_stored_and_nothing_else(
    client_as: Clients, database: psycopg.Connection
) -> None:
    before = stored(database)

    page = save(client_as("operator"), exchange__report_interval="6h", exchange__empty_alerts="true")

    assert "Changed: exchange__report_interval, exchange__empty_alerts." in page.content.decode()
    assert stored(database) == {**before, "report_interval": "6h", "empty_alerts": "true"}
    assert history("exchange__report_interval")[-1] == "operator: 12h → 6h"


def test_a_preference_that_was_not_stored_is(client_as: Clients, database: psycopg.Connection) -> None:
    save(client_as("operator"), "?q=failure_quiet", exchange__failure_quiet="1h")

    assert stored(database)["failure_quiet"] == "1h"


@pytest.mark.parametrize(
    ("key", "typed", "message"),
    [
        ("report_interval", "soon", "not a time span"),
        ("report_interval", "0s", "not above zero"),
        ("report_level", "LOUD", "Select a valid choice"),
        ("empty_alerts", "perhaps", "Select a valid choice"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(
    client_as: Clients, database: psycopg.Connection, key: str, typed: str, message: str
) -> None:
    before = stored(database)

    page = save(client_as("operator"), **{f"exchange__{key}": typed, "exchange__failure_quiet": "1h"})

    assert message in page.content.decode()
    assert stored(database) == before


def test_a_page_opened_before_another_change_does_not_undo_it(
    client_as: Clients, database: psycopg.Connection
) -> None:
    operator = client_as("operator")
    old = opened(operator)
    database.execute("UPDATE preference SET value = '1h' WHERE name = 'report_interval'")

    operator.post(LIST, {**old, "exchange__empty_alerts": "true"})

    assert (stored(database)["report_interval"], stored(database)["empty_alerts"]) == ("1h", "true")


def test_a_default_is_brought_back(client_as: Clients, database: psycopg.Connection) -> None:
    operator = client_as("operator")
    save(operator, exchange__report_interval="6h")

    save(operator, **{"reset:exchange__report_interval": "on", "exchange__report_interval": "nonsense"})

    assert stored(database)["report_interval"] == "12h"
    assert history("exchange__report_interval")[-1] == "operator: 6h → 12h"


@pytest.mark.parametrize(("name", "spoilt"), [("report_interval", "soon"), ("empty_alerts", "perhaps")])
def test_a_stored_value_that_cannot_be_used_is_told_and_mended(
    client_as: Clients, database: psycopg.Connection, name: str, spoilt: str
) -> None:
    database.execute("UPDATE preference SET value = %s WHERE name = %s", (spoilt, name))
    operator = client_as("operator")

    assert "The stored value cannot be used" in operator.get(LIST).content.decode()
    save(operator, exchange__report_level="INFO")
    assert stored(database)[name] == spoilt
    save(operator, **{f"reset:exchange__{name}": "on"})
    assert stored(database)[name] != spoilt


def test_a_viewer_sees_and_changes_nothing(client_as: Clients, database: psycopg.Connection) -> None:
    viewer = client_as("viewer")

    page = viewer.get(LIST).content.decode()
    assert 'value="12h" size="12" ' in page
    assert "disabled" in page
    assert "Save" not in page
    assert viewer.post(LIST, {"exchange__report_interval": "6h"}).status_code == 403
    assert stored(database)["report_interval"] == "12h"


def test_the_history_of_a_preference_leads_back_to_it(
    client_as: Clients, database: psycopg.Connection
) -> None:
    (key,) = database.execute("SELECT id FROM preference WHERE name = 'report_interval'").fetchone()  # type: ignore[misc]

    page = client_as("viewer").get(f"{LIST}{key}/change/")

    assert page.headers["location"] == f"{LIST}?q=exchange__report_interval"
