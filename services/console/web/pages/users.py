"""Users: who may use the console, and as what."""

from collections.abc import Callable
from typing import Any

from axes.utils import reset
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from services.console.users.users import LastAdmin, give_role, keep_an_admin, role_of
from services.console.web.access.roles import ROLES
from services.console.web.access.throttle import pauses
from services.console.web.pages.page import Page, note_change

admin.site.unregister(Group)
admin.site.unregister(User)

_ROLE_HELP = "Viewers look; operators change everything of Mailroom; administrators manage users, too."


def _role_field() -> forms.ChoiceField:
    return forms.ChoiceField(
        choices=[("", "choose one"), *((role, role) for role in ROLES)], help_text=_ROLE_HELP
    )


class _AddForm(UserCreationForm):
    role = _role_field()


class _ChangeForm(UserChangeForm):
    role = _role_field()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if "role" in self.fields:  # whoever may only look has no fields
            self.fields["role"].initial = role_of(self.instance)

    def clean(self) -> dict[str, Any]:
        """See that an administrator stays."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        try:
            keep_an_admin(self.instance, role=values.get("role"), active=bool(values.get("is_active")))
        except LastAdmin as error:
            raise ValidationError(f"{error}.") from error
        return values


class _PasswordForm(AdminPasswordChangeForm):
    """Without the choice of having no password: it would shut out the last administrator."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields.pop("usable_password", None)
        self.fields["password1"].required = self.fields["password2"].required = True


class _ByRole(admin.SimpleListFilter):
    """Shows the users of one role."""

    title = "role"
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the roles."""
        return [(role, role) for role in ROLES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        """Keep the users of the role that was chosen."""
        return queryset.filter(groups__name=self.value()) if self.value() else queryset


@admin.register(User)
class UserPage(Page, UserAdmin):
    """Users with their one role; permissions follow from it and are nobody's to set."""

    form = _ChangeForm
    add_form = _AddForm
    add_form_template = None
    change_password_form = _PasswordForm
    change_user_password_template = "console/access/password.html"  # noqa: S105 - a template's name
    fieldsets = ((None, {"fields": ("username", "password", "email", "role", "is_active", "last_login")}),)
    add_fieldsets = ((None, {"fields": ("username", "email", "role", "password1", "password2")}),)
    readonly_fields = ("last_login",)
    list_display = ("username", "role", "is_active", "email", "last_login")
    list_filter = (_ByRole, "is_active")
    search_fields = ("username", "email")
    filter_horizontal = ()
    actions = ("unlock",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Read the roles with the users."""
        users: QuerySet[User] = super().get_queryset(request).prefetch_related("groups")
        return users

    def get_list_display(self, request: HttpRequest) -> tuple[str | Callable[[Any], str | bool], ...]:
        """Add who has to pause after too many failed logins; looked up once for the whole list."""
        paused = pauses()

        @admin.display(description="paused until")
        def paused_until(user: User) -> str:
            until = paused.get(user.username)
            return f"{timezone.localtime(until):%H:%M %Z}" if until else ""

        return (*self.list_display, paused_until)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody deletes users: the history refers to them."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Store a user with its role."""
        super().save_model(request, obj, form, change)
        if "role" in form.cleaned_data:
            give_role(obj, form.cleaned_data["role"])

    @admin.display(ordering="groups__name")
    def role(self, user: User) -> str:
        """Return the role."""
        return role_of(user) or "none"

    @admin.action(description="Let them log in again now", permissions=["change"])
    def unlock(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """Forget the failed logins of the selected."""
        for user in users:
            if reset(username=user.username):
                note_change(request, User, user.pk, user.username, "Failed logins forgotten.")
        messages.success(request, "They can log in again.")
