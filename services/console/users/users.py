"""The console's users: each has one role, and one administrator always stays.

Nobody is deleted, because the history refers to them: a removed user keeps the name and nothing else.
Django has to be set up before anything here is called, which is why its models are imported so late.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction

from services.console.names import look_up
from services.console.web.access.roles import ADMIN, ROLES
from shared.errors import MailroomError

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet


@dataclass(frozen=True, slots=True)
class ConsoleUser:
    """A user as it is listed.

    Attributes:
        role: one of `ROLES`; None: may not log in.
        active: whether it may log in.
        paused_until: end of the pause after too many failed logins; None: may try now.
    """

    name: str
    role: str | None
    active: bool
    email: str
    last_login: datetime | None
    paused_until: datetime | None


class UserExists(MailroomError):
    """There is a user of this name."""


class UserInvalid(MailroomError):
    """A name, an address or a password is not accepted; the message says why."""


class LastAdmin(MailroomError):
    """Nobody would be left who can manage users."""


def list_users() -> list[ConsoleUser]:
    """List the users by name, removed ones too."""
    from services.console.web.access.throttle import pauses

    paused = pauses()
    return [
        ConsoleUser(
            name=user.username,
            role=role_of(user),
            active=user.is_active,
            email=user.email,
            last_login=user.last_login,
            paused_until=paused.get(user.username),
        )
        for user in _users().order_by("username")
    ]


def exist() -> bool:
    """Tell whether there is any user; within a transaction, nobody adds a first one meanwhile."""
    _one_at_a_time()
    return _users().exists()


def role_of(user: User) -> str | None:
    """Return a user's role; None when it has none."""
    return next((group.name for group in user.groups.all() if group.name in ROLES), None)


@transaction.atomic
def add(name: str, *, role: str, email: str, password: str) -> None:
    """Add a user, or take in a removed one again.

    Raises:
        UserExists: somebody has this name.
        UserInvalid: name, address or password is not accepted.
    """
    user = _users().filter(username=name).first() or _users().model(username=name, is_active=False)
    if user.is_active:
        raise UserExists(f"there is a user {name!r:.200}; `mailroom users list` shows who may do what")
    user.email, user.is_active = email, True
    _choose_password(user, password)
    try:
        user.full_clean()
    except ValidationError as error:
        raise UserInvalid(" ".join(error.messages)) from None
    user.save()
    give_role(user, role)


@transaction.atomic
def set_password(name: str, password: str) -> None:
    """Give a user another password; whoever is logged in with the old one is logged out.

    Raises:
        NameUnknown: there is none of this name.
        UserInvalid: the user was removed, or the password is not accepted.
    """
    user = _find_active(name)
    _choose_password(user, password)
    user.save()


@transaction.atomic
def set_role(name: str, role: str) -> None:
    """Give a user another role, from the next click on.

    Raises:
        NameUnknown: there is none of this name.
        UserInvalid: the user was removed.
        LastAdmin: it is the only administrator.
    """
    user = _find_active(name)
    keep_an_admin(user, role=role, active=True)
    give_role(user, role)


@transaction.atomic
def remove(name: str) -> None:
    """Take password and role from a user, and end its logins; the history keeps the name.

    Raises:
        NameUnknown: there is none of this name.
        LastAdmin: it is the only administrator.
    """
    user = _find(name)
    keep_an_admin(user, role=None, active=False)
    user.is_active = user.is_staff = False
    user.set_unusable_password()
    user.save()
    user.groups.clear()


def unlock(name: str) -> bool:
    """Forget a user's failed logins, so that it may try again at once.

    Returns:
        Whether there were any.

    Raises:
        NameUnknown: there is none of this name.
    """
    from axes.utils import reset

    return bool(reset(username=_find(name).username))


def give_role(user: User, role: str) -> None:
    """Give a stored user one role in place of any other."""
    from django.contrib.auth.models import Group

    user.groups.set([Group.objects.get(name=role)])
    if not user.is_staff:
        user.is_staff = True  # Django's admin lets nobody else in
        user.save(update_fields=["is_staff"])


def keep_an_admin(user: User, *, role: str | None, active: bool) -> None:
    """See that somebody can manage users after a change; of two changes at once, the second waits here.

    Args:
        user: to be changed; in a transaction.
        role: it is to have.
        active: whether it is to be.

    Raises:
        LastAdmin: nobody else is an administrator.
    """
    _one_at_a_time()
    admins = set(_users().filter(is_active=True, groups__name=ADMIN).values_list("pk", flat=True))
    if admins == {user.pk} and not (active and role == ADMIN):
        raise LastAdmin(f"{user.username} is the only administrator; make somebody else one first")


def _one_at_a_time() -> None:
    """Let the other transactions that decide by who there is wait until this one ends."""
    from django.contrib.auth.models import Group

    Group.objects.select_for_update().get(name=ADMIN)


def _users() -> QuerySet[User]:
    from django.contrib.auth.models import User

    return User.objects.prefetch_related("groups")


def _find(name: str) -> User:
    return look_up("user", name, {user.username: user for user in _users()})


def _find_active(name: str) -> User:
    user = _find(name)
    if not user.is_active:
        raise UserInvalid(f"{name} was removed or made inactive; `mailroom users add` takes it in again")
    return user


def _choose_password(user: User, password: str) -> None:
    from django.contrib.auth.password_validation import validate_password

    try:
        validate_password(password, user)
    except ValidationError as error:
        raise UserInvalid(f"this password is not accepted. {' '.join(error.messages)}") from None
    user.set_password(password)
