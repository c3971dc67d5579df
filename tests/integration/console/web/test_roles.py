"""The matrix of roles: who may do what on which page, by real requests."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg
import pytest

from services.console.web.access.roles import ADMIN, OPERATOR, ROLES, VIEWER

pytestmark = pytest.mark.integration
Browser = Callable[[str], Any]
LOOK: Final = frozenset({"view"})
EDIT: Final = LOOK | {"change"}
#: What appears by itself: nobody adds it.
SEEN: Final = EDIT | {"delete"}
FULL: Final = SEEN | {"add"}
#: What operators may do on each page; viewers look, administrators may do the same as operators.
OF_OPERATORS: Final = {
    "admin.logentry": LOOK,
    "auth.user": frozenset(),
    "mailroom.auditrecord": LOOK,
    "mailroom.bot": SEEN,
    "mailroom.database": SEEN,
    "mailroom.delivery": LOOK,
    "mailroom.domainpair": SEEN,
    "mailroom.parkedmessage": EDIT,
    "mailroom.preference": EDIT,
    "mailroom.quarantinedentry": LOOK,
    "mailroom.queueentry": LOOK,
    "mailroom.reportrun": LOOK,
    "mailroom.schedule": FULL,
    "mailroom.server": SEEN,
    "mailroom.site": FULL,
    "mailroom.subscription": FULL,
}
#: What administrators may do besides.
OF_ADMINS: Final = {"auth.user": EDIT | {"add"}}
#: Where changes of one row are sent, if not to a page of its own.
CHANGED_AT: Final = {
    "mailroom.parkedmessage": "/mailroom/parkedmessage/",
    "mailroom.preference": "/mailroom/preference/",
}
#: Pages whose rows are shown on a page that takes nothing.
SHOWN: Final = frozenset({"mailroom.delivery"})
#: Changes that have an address of their own, made by whoever may do more than look.
CHANGES: Final = (
    "/mailroom/reportrun/{run}/again/",
    "/mailroom/schedule/disable-all/",
    "/mailroom/schedule/enable-all/",
    "/mailroom/subscription/{subscription}/test-mail/",
)


def expected(role: str, page: str) -> frozenset[str]:
    if role == ADMIN:
        return OF_OPERATORS[page] | OF_ADMINS.get(page, frozenset())
    return OF_OPERATORS[page] if role == OPERATOR else OF_OPERATORS[page] & LOOK


def found(client: Any, page: str) -> frozenset[str]:
    """What a page lets somebody do. Of a key that nothing has, it tells only those who may do it anyway."""
    place = f"/{page.replace('.', '/')}"
    requests: dict[str, Callable[[], Any]] = {
        "view": lambda: client.get(f"{place}/"),
        "add": lambda: client.get(f"{place}/add/"),
        "change": lambda: client.post(CHANGED_AT.get(page, f"{place}/0/change/"), {"action": "replay"}),
        "delete": lambda: client.post(f"{place}/0/delete/"),
    }
    answers = {verb: request().status_code for verb, request in requests.items()}
    assert set(answers.values()) <= {200, 302, 403, 404}, (page, answers)
    if page in SHOWN:
        del answers["change"]
    return frozenset(verb for verb, status in answers.items() if status in {200, 302})


@pytest.fixture(scope="module")
def keys(database: psycopg.Connection) -> dict[str, object]:
    """A run and a subscription."""
    run = database.execute(
        "INSERT INTO report_run (run_id, report, nominal_at, requested_by, state)"
        " VALUES (gen_random_uuid(), 'dead-servers', now(), 'operator', 'failed') RETURNING run_id"
    ).fetchone()
    subscription = database.execute("SELECT min(id) FROM subscription").fetchone()
    assert run
    assert subscription
    return {"run": run[0], "subscription": subscription[0]}


def pages() -> Iterator[tuple[str, Any]]:
    from django.contrib import admin

    for model, page in admin.site._registry.items():
        yield model._meta.label_lower, page


def test_the_matrix_has_every_page(console: object) -> None:
    assert sorted(OF_OPERATORS) == sorted(name for name, _ in pages())


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_on_each_page_what_the_matrix_says(client_as: Browser, role: str) -> None:
    client = client_as(role)
    assert {page: found(client, page) for page in OF_OPERATORS} == {
        page: expected(role, page) for page in OF_OPERATORS
    }


def test_viewers_are_offered_no_action_and_others_are(client_as: Browser) -> None:
    viewer, admin = client_as(VIEWER), client_as(ADMIN)
    for name, page in pages():
        address = f"/{name.replace('.', '/')}/"
        if name != "auth.user":
            assert viewer.get(address).context.get("action_form") is None, name
        if page.actions:
            assert len(admin.get(address).context["action_form"].fields["action"].choices) > 1, name


def test_an_action_sent_all_the_same_changes_nothing_for_a_viewer(
    client_as: Browser, database: psycopg.Connection
) -> None:
    before = database.execute("SELECT name, enabled FROM schedule ORDER BY name").fetchall()
    every = [str(key) for (key,) in database.execute("SELECT id FROM schedule")]
    for action in ("enable_selected", "disable_selected", "toggle_selected", "delete_selected"):
        client_as(VIEWER).post("/mailroom/schedule/", {"action": action, "_selected_action": every})
    assert database.execute("SELECT name, enabled FROM schedule ORDER BY name").fetchall() == before


def test_whatever_has_a_permission_of_its_own_viewers_may_not_do(client_as: Browser) -> None:
    from django.contrib.auth.models import User

    for role in ROLES:
        client_as(role)
    users = {role: User.objects.get(username=role) for role in ROLES}
    for _, page in pages():
        for codename, _ in page.model._meta.permissions:
            permission = f"{page.model._meta.app_label}.{codename}"
            assert [role for role in ROLES if users[role].has_perm(permission)] == [OPERATOR, ADMIN]


@pytest.mark.parametrize("address", CHANGES)
def test_changes_with_an_address_of_their_own_are_refused_to_viewers(
    client_as: Browser, keys: dict[str, object], address: str
) -> None:
    for method in ("get", "post"):
        answer = getattr(client_as(VIEWER), method)(address.format(**keys))
        assert answer.status_code in {403, 405}, method
    assert client_as(OPERATOR).get(address.format(**keys)).status_code != 403
