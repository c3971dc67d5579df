"""Users, on their page and by the functions that the command line uses, too."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from services.console.names import NameUnknown
from services.console.users import users
from services.console.users.first_admin import make_first_admin
from shared.settings import Settings, SettingsInvalid

pytestmark = pytest.mark.integration
PASSWORD = "correct horse battery"
OTHER = "a better horse battery"
Browser = Callable[[str], Any]


@pytest.fixture(autouse=True)
def nobody(console: Settings, database: psycopg.Connection) -> None:
    """No user at the beginning."""
    database.execute("TRUNCATE console.auth_user CASCADE")


def add(name: str, role: str) -> None:
    users.add(name, role=role, email="", password=PASSWORD)


def roles() -> dict[str, str | None]:
    return {user.name: user.role for user in users.list_users()}


def key_of(name: str) -> int:
    from django.contrib.auth.models import User

    return int(User.objects.get(username=name).pk)


def form(**changed: str) -> dict[str, str]:
    """The page's form for Ann, as it would be sent unchanged."""
    return {"username": "ann", "email": "", "role": "viewer", "is_active": "on", **changed}


@pytest.mark.parametrize("password", ["short", "password1234", "848293018274", "ann-the-operator"])
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(users.UserInvalid, match="this password is not accepted"):
        users.add("ann-the-operator", role="operator", email="", password=password)
    assert roles() == {}


@pytest.mark.parametrize(("name", "email"), [("ann smith", ""), ("", ""), ("ann", "nowhere")])
def test_a_malformed_name_or_address_is_refused(name: str, email: str) -> None:
    with pytest.raises(users.UserInvalid):
        users.add(name, role="operator", email=email, password=PASSWORD)
    assert roles() == {}


def test_a_name_is_given_once() -> None:
    add("ann", "operator")
    with pytest.raises(users.UserExists):
        add("ann", "admin")
    assert roles() == {"ann": "operator"}


def test_a_mistyped_name_is_answered_with_the_nearest() -> None:
    add("ann", "operator")
    with pytest.raises(NameUnknown, match="did you mean 'ann'"):
        users.set_role("anne", "viewer")


def test_the_last_administrator_stays() -> None:
    add("root", "admin")
    add("ann", "operator")
    with pytest.raises(users.LastAdmin):
        users.remove("root")
    with pytest.raises(users.LastAdmin):
        users.set_role("root", "operator")
    assert roles() == {"ann": "operator", "root": "admin"}

    users.set_role("ann", "admin")
    users.remove("root")
    with pytest.raises(users.LastAdmin):
        users.set_role("ann", "viewer")


def test_a_removed_user_keeps_its_history_and_can_be_taken_in_again(client_as: Browser) -> None:
    from django.contrib.admin.models import LogEntry
    from django.contrib.auth.models import User

    add("root", "admin")
    client_as("operator").post("/mailroom/site/add/", {"name": "oslo", "enabled": "on"})
    users.remove("operator")
    (removed,) = [user for user in users.list_users() if user.name == "operator"]
    assert (removed.role, removed.active) == (None, False)
    assert not User.objects.get(username="operator").has_usable_password()
    assert LogEntry.objects.get(object_repr="oslo").user.username == "operator"

    add("operator", "viewer")
    assert roles()["operator"] == "viewer"


def test_the_first_administrator_is_made_once(console: Settings) -> None:
    first = with_first_admin(console, PASSWORD)
    assert make_first_admin(first) == "root"
    assert roles() == {"root": "admin"}
    assert make_first_admin(with_first_admin(console, OTHER)) is None
    assert make_first_admin(console) is None


def test_a_weak_password_of_the_first_administrator_stops_the_start(console: Settings) -> None:
    with pytest.raises(SettingsInvalid, match="at least 12 characters") as refusal:
        make_first_admin(with_first_admin(console, "hunter2"))
    assert "hunter2" not in str(refusal.value)
    assert roles() == {}


def with_first_admin(settings: Settings, password: str) -> Settings:
    named = {"admin_name": "root", "admin_password": SecretStr(password)}
    return settings.model_copy(update={"console": settings.console.model_copy(update=named)})


def test_an_administrator_adds_a_user_who_can_log_in(client_as: Browser) -> None:
    from django.test import Client

    sent = {"username": "bea", "email": "", "role": "operator", "password1": PASSWORD, "password2": PASSWORD}
    weak = client_as("admin").post("/auth/user/add/", {**sent, "password1": "short", "password2": "short"})
    assert weak.context["adminform"].form.errors
    assert client_as("admin").post("/auth/user/add/", sent).status_code == 302
    assert roles()["bea"] == "operator"

    client = Client(headers={"host": "localhost"})
    assert client.post("/login/", {"username": "bea", "password": PASSWORD, "next": "/"}).status_code == 302
    assert client.get("/mailroom/site/add/").status_code == 200


def test_an_administrator_changes_role_and_password(client_as: Browser) -> None:
    add("ann", "viewer")
    page = f"/auth/user/{key_of('ann')}"
    assert client_as("admin").post(f"{page}/change/", form(role="operator")).status_code == 302
    assert roles()["ann"] == "operator"

    new = {"password1": OTHER, "password2": OTHER}
    assert client_as("admin").post(f"{page}/password/", new).status_code == 302
    none = {"password1": "", "password2": "", "usable_password": "false", "unset-password": "1"}
    assert client_as("admin").post(f"{page}/password/", none).context["form"].errors

    from django.contrib.auth.models import User

    assert User.objects.get(username="ann").check_password(OTHER)


def test_nobody_is_given_more_than_a_role(client_as: Browser) -> None:
    from django.contrib.auth.models import User

    add("ann", "viewer")
    more = form(is_superuser="on", is_staff="", groups="1", user_permissions="1")
    assert client_as("admin").post(f"/auth/user/{key_of('ann')}/change/", more).status_code == 302
    ann = User.objects.get(username="ann")
    assert (ann.is_superuser, ann.is_staff, roles()["ann"]) == (False, True, "viewer")
    assert not ann.user_permissions.exists()


def test_the_page_keeps_the_last_administrator(client_as: Browser) -> None:
    admin = client_as("admin")
    page = f"/auth/user/{key_of('admin')}/change/"
    for lost in ({"role": "viewer"}, {"is_active": ""}):
        answer = admin.post(page, form(username="admin", **{"role": "admin", **lost}))
        assert "the only administrator" in str(answer.context["adminform"].form.errors)
    assert admin.post(f"/auth/user/{key_of('admin')}/delete/", {"post": "yes"}).status_code == 403
    assert roles() == {"admin": "admin"}


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_is_no_administrator_changes_no_user(client_as: Browser, role: str) -> None:
    client = client_as(role)
    page = f"/auth/user/{key_of(role)}"
    wanted = form(username=role, role="admin")
    passwords = {"password1": OTHER, "password2": OTHER}
    answers = [
        client.get("/auth/user/"),
        client.post(f"{page}/change/", wanted),
        client.post(f"{page}/password/", passwords),
        client.post("/auth/user/add/", {**wanted, "username": "bea", **passwords}),
        client.post("/auth/user/", {"action": "unlock", "_selected_action": [key_of(role)]}),
        client.get("/auth/group/"),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 403, 403, 404]
    assert roles() == {role: role}


def test_an_administrator_ends_a_pause(client_as: Browser, database: psycopg.Connection) -> None:
    from django.test import Client

    add("ann", "viewer")
    admin, ann = client_as("admin"), Client(headers={"host": "localhost"})
    for _ in range(5):
        ann.post("/login/", {"username": "ann", "password": "wrong"})
    assert ann.post("/login/", {"username": "ann", "password": PASSWORD}).status_code == 429
    admin.post("/auth/user/", {"action": "unlock", "_selected_action": [key_of("ann")]})
    assert ann.post("/login/", {"username": "ann", "password": PASSWORD}).status_code == 302
