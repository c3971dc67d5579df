import pytest

from services.console.web.access.roles import ADMIN, OPERATOR, ROLES, VIEWER, allowed


@pytest.mark.parametrize("role", ROLES)
def test_every_role_sees_mailrooms_pages_and_the_history(role: str) -> None:
    assert allowed(role, "mailroom", "view_schedule")
    assert allowed(role, "admin", "view_logentry")


@pytest.mark.parametrize("codename", ["add_schedule", "change_site", "delete_schedule", "run_schedule"])
def test_operators_change_what_viewers_look_at(codename: str) -> None:
    assert not allowed(VIEWER, "mailroom", codename)
    assert allowed(OPERATOR, "mailroom", codename)
    assert allowed(ADMIN, "mailroom", codename)


@pytest.mark.parametrize("verb", ["view", "add", "change"])
def test_administrators_alone_see_and_change_users(verb: str) -> None:
    assert [role for role in ROLES if allowed(role, "auth", f"{verb}_user")] == [ADMIN]


@pytest.mark.parametrize(
    ("app", "codename"),
    [
        ("auth", "delete_user"),
        ("auth", "change_group"),
        ("auth", "change_permission"),
        ("admin", "change_logentry"),
        ("admin", "delete_logentry"),
        ("sessions", "view_session"),
        ("axes", "delete_accessattempt"),
    ],
)
def test_nobody_changes_permissions_or_the_history(app: str, codename: str) -> None:
    assert [role for role in ROLES if allowed(role, app, codename)] == []
