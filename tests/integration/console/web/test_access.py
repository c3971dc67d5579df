"""Who gets into the console, and what a browser is told to keep to."""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from services.console.web import project
from shared.settings import Settings

pytestmark = pytest.mark.integration
PASSWORD = "correct horse battery"
#: What anybody may have: the login, and what it looks like.
PUBLIC = {"/login/"}
LOGIN_FAILURES = 5


def browser(**options: Any) -> Any:
    """A browser's stand-in that nobody has logged in with."""
    from django.test import Client

    return Client(headers={"host": "localhost"}, **options)


def log_in(client: Any, name: str = "ann", password: str = PASSWORD, **options: Any) -> Any:
    return client.post("/login/", {"username": name, "password": password, "next": "/"}, **options)


@pytest.fixture(autouse=True)
def ann(console: Settings, database: psycopg.Connection) -> None:
    """Ann, an operator, who has not failed to log in yet."""
    from django.contrib.auth.models import User

    from services.console.users import users

    database.execute("DELETE FROM console.axes_accessattempt")
    if not User.objects.filter(username="ann").exists():
        users.add("ann", role="operator", email="ann@example.org", password=PASSWORD)
    users.set_password("ann", PASSWORD)


@pytest.fixture
def secure_console(console: Settings) -> Iterator[None]:
    """The same console behind a proxy that speaks TLS."""
    secure = console.model_copy(
        update={"console": console.console.model_copy(update={"url": "https://localhost"})}
    )
    project.point_at(secure)
    yield
    project.point_at(console)


def addresses() -> Iterator[str]:
    """One address of each pattern that the console answers to."""
    from django.urls import URLPattern, URLResolver, get_resolver

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
        for pattern in patterns:
            route = before + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            else:
                yield "/" + re.sub(r"<uuid:\w+>", "6e0c0b8e-0000-4000-8000-000000000000", route)

    for address in walk(get_resolver().url_patterns, ""):
        if "(?P" not in address:
            yield re.sub(r"<[^>]+>", "1", address)
        elif "url" not in address:  # the catch-all ends every route
            yield re.sub(r"\(\?P<\w+>[^)]*\)|[$^\\]", "site", address)


def test_nothing_but_the_login_answers_without_one() -> None:
    client = browser()
    found = set(addresses())
    assert len(found) > 50
    for address in sorted(found - PUBLIC):
        for answer in (client.get(address), client.post(address)):
            to_login = answer.status_code == 302 and answer.headers["location"].startswith("/login/")
            assert to_login or answer.status_code in {403, 404, 405}, (address, answer.status_code)


def test_the_login_leads_to_where_one_wanted_to_go() -> None:
    client = browser()
    wanted = client.get("/mailroom/site/", follow=True)
    assert wanted.redirect_chain == [("/login/?next=/mailroom/site/", 302)]
    answer = client.post(
        wanted.request["PATH_INFO"], {"username": "ann", "password": PASSWORD, "next": "/mailroom/site/"}
    )
    assert answer.headers["location"] == "/mailroom/site/"
    assert client.get("/mailroom/site/").status_code == 200


def test_the_login_leads_nowhere_else() -> None:
    answer = browser().post(
        "/login/", {"username": "ann", "password": PASSWORD, "next": "https://elsewhere.example/"}
    )
    assert answer.headers["location"] == "/"


def test_a_wrong_password_and_a_name_nobody_has_are_answered_alike() -> None:
    answers = [log_in(browser(), "ann", "wrong"), log_in(browser(), "nobody", "wrong")]
    pages = [
        re.sub(r'value="[^"]*"', "", answer.content.decode()).replace("nobody", "ann") for answer in answers
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert pages[0] == pages[1]


def test_whoever_has_no_role_or_is_inactive_does_not_get_in() -> None:
    from django.contrib.auth.models import User

    User.objects.create_user("roleless", password=PASSWORD)
    User.objects.create_user("inactive", password=PASSWORD, is_staff=True, is_active=False)
    for name in ("roleless", "inactive"):
        client = browser()
        assert log_in(client, name).status_code == 200
        assert client.get("/").status_code == 302


def test_a_logout_ends_the_session() -> None:
    client = browser()
    log_in(client)
    kept = client.cookies["mailroom_session"].value
    assert client.get("/mailroom/site/").status_code == 200
    client.post("/logout/")
    client.cookies["mailroom_session"] = kept
    assert client.get("/mailroom/site/").status_code == 302


def test_a_login_removes_the_sessions_that_have_expired(database: psycopg.Connection) -> None:
    log_in(browser())
    live = database.execute("SELECT count(*) FROM console.django_session").fetchone()
    database.execute("UPDATE console.django_session SET expire_date = now() - interval '1 minute'")
    log_in(browser())
    assert live is not None
    assert live[0] >= 1
    assert database.execute("SELECT count(*) FROM console.django_session").fetchone() == (1,)


def test_a_removed_users_sessions_end_at_once() -> None:
    from services.console.users import users

    users.add("gone", role="viewer", email="", password=PASSWORD)
    client = browser()
    log_in(client, "gone")
    assert client.get("/mailroom/site/").status_code == 200
    users.remove("gone")
    assert client.get("/mailroom/site/").status_code == 302


def test_after_a_few_failures_a_name_has_to_pause_at_that_address(database: psycopg.Connection) -> None:
    client = browser()
    for _ in range(LOGIN_FAILURES - 1):
        assert log_in(client, password="wrong").status_code == 200
    last = log_in(client, password="wrong")
    assert last.status_code == 429
    assert "Try again in 15 minutes" in last.content.decode()
    assert int(last.headers["retry-after"]) == pytest.approx(900, abs=10)

    assert log_in(client).status_code == 429
    assert log_in(client, REMOTE_ADDR="192.0.2.9").status_code == 302
    assert log_in(browser(), "bob", "wrong").status_code == 200

    database.execute(
        "UPDATE console.axes_accessattempt SET attempt_time = now() - interval '15 minutes 1 second'"
    )
    assert log_in(client).status_code == 302


def test_trying_during_the_pause_does_not_make_it_longer(database: psycopg.Connection) -> None:
    client = browser()
    for _ in range(LOGIN_FAILURES):
        log_in(client, password="wrong")
    database.execute("UPDATE console.axes_accessattempt SET attempt_time = now() - interval '14 minutes'")
    log_in(client, password="wrong")
    assert "Try again in 1 minute," in log_in(client).content.decode()


def test_who_failed_too_often_is_let_in_again_when_unlocked() -> None:
    from services.console.users import users

    client = browser()
    for _ in range(LOGIN_FAILURES):
        log_in(client, password="wrong")
    assert [user.name for user in users.list_users() if user.paused_until] == ["ann"]
    assert users.unlock("ann")
    assert log_in(client).status_code == 302
    assert not users.unlock("ann")


def test_people_change_their_own_password() -> None:
    client, elsewhere = browser(), browser()
    log_in(client)
    log_in(elsewhere)

    def change(new: str) -> Any:
        return client.post(
            "/password_change/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
        )

    for weak in ("short", "password1234", "123456789012", "ann@example.org"):
        assert change(weak).context["form"].errors
    assert change("a better horse battery").status_code == 302
    assert client.get("/mailroom/site/").status_code == 200
    assert elsewhere.get("/mailroom/site/").status_code == 302
    assert log_in(browser(), password="a better horse battery").status_code == 302


def test_a_form_of_another_site_changes_nothing(database: psycopg.Connection) -> None:
    database.execute("INSERT INTO site (name) VALUES ('rome') ON CONFLICT DO NOTHING")
    client = browser(enforce_csrf_checks=True)
    assert log_in(client).status_code == 403

    token = re.search('name="csrfmiddlewaretoken" value="(.+?)"', client.get("/login/").content.decode())
    assert token
    form = {"username": "ann", "password": PASSWORD, "next": "/", "csrfmiddlewaretoken": token[1]}
    assert client.post("/login/", form).status_code == 302

    answer = client.post("/mailroom/site/rome/change/", {"name": "rome", "notes": "forged"})
    assert answer.status_code == 403
    assert "This form is too old" in answer.content.decode()
    assert database.execute("SELECT notes FROM site WHERE name = 'rome'").fetchone() == (None,)


def test_every_page_tells_the_browser_what_to_keep_to() -> None:
    client = browser()
    log_in(client)
    pages = {
        browser(): ["/login/"],
        client: ["/", "/mailroom/site/", "/no/such/page/", "/auth/user/", "/password_change/"],
    }
    for visitor, addresses in pages.items():
        for address in addresses:
            headers = visitor.get(address).headers
            assert "default-src 'self'" in headers["content-security-policy"], address
            assert "unsafe" not in headers["content-security-policy"]
            assert "frame-ancestors 'self'" in headers["content-security-policy"]
            assert headers["x-frame-options"] == "SAMEORIGIN"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert "camera=()" in headers["permissions-policy"]
            assert "no-store" in headers["cache-control"], address


def test_cookies_are_for_our_pages_alone_and_end_with_the_session() -> None:
    client = browser()
    client.get("/login/")
    log_in(client)
    session, forms = client.cookies["mailroom_session"], client.cookies["mailroom_csrf"]
    assert session["max-age"] == 8 * 60 * 60
    for cookie in (session, forms):
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert not cookie["secure"]


def test_under_https_cookies_are_for_https_alone(secure_console: None) -> None:
    client = browser(HTTP_X_FORWARDED_PROTO="https")
    page = client.get("/login/")
    log_in(client)
    assert client.cookies["mailroom_session"]["secure"]
    assert client.cookies["mailroom_csrf"]["secure"]
    assert page.headers["strict-transport-security"] == "max-age=31536000"


def test_another_hosts_name_is_refused() -> None:
    from django.test import Client

    answer = Client(headers={"host": "elsewhere.example"}).get("/login/")
    assert answer.status_code == 400
    assert "console.hosts" in answer.content.decode()


def test_the_log_tells_who_saw_what_and_no_secrets() -> None:
    from prometheus_client import REGISTRY

    def served() -> float:
        labels = {"method": "GET", "status": "200"}
        return REGISTRY.get_sample_value("mailroom_console_requests_total", labels) or 0

    client = browser()
    before = served()
    with capture_logs() as lines:
        log_in(client, "hunter2", "secret-as-well")
        log_in(client)
        client.get("/mailroom/site/?q=secret-search")
    assert "hunter2" not in str(lines)
    assert "secret" not in str(lines)
    assert [(line["action"], line.get("user")) for line in lines] == [
        ("login-failed", None),
        ("page-served", None),
        ("logged-in", "ann"),
        ("page-served", None),
        ("page-served", "ann"),
    ]
    assert {key: lines[-1][key] for key in ("method", "path", "status")} == {
        "method": "GET",
        "path": "/mailroom/site/",
        "status": 200,
    }
    assert served() == before + 1


def test_other_roles_of_the_database_cannot_read_the_logins(database: psycopg.Connection) -> None:
    for role in ("worker", "reports"):
        with database.transaction(force_rollback=True):
            database.execute(f"SET LOCAL ROLE {database.info.dbname}_{role}")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                database.execute("SELECT password FROM console.auth_user")
