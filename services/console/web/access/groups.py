"""The three roles as Django groups, brought up to date after every migration."""

from django.contrib.auth.models import Group, Permission

from services.console.web.access.roles import ROLES, allowed


def bring_up_to_date() -> None:
    """Give each role's group the permissions it is to have, no more and no less."""
    permissions = list(Permission.objects.select_related("content_type"))
    for role in ROLES:
        group, _created = Group.objects.get_or_create(name=role)
        group.permissions.set(
            permission
            for permission in permissions
            if allowed(role, permission.content_type.app_label, permission.codename)
        )
