"""The first administrator, from the settings: where nobody can run a command, as in a container."""

from django.db import transaction

from services.console.users import users
from services.console.web.access.roles import ADMIN
from shared.settings import Problem, Settings, SettingsInvalid


def make_first_admin(settings: Settings) -> str | None:
    """Make the administrator that the settings name, if the console has no user yet.

    Several consoles may start at once. Django has to be set up.

    Returns:
        Its name, if it was made.

    Raises:
        SettingsInvalid: its name or password is not accepted.
    """
    console = settings.console
    if console.admin_name is None or console.admin_password is None:
        return None
    with transaction.atomic():
        if users.exist():
            return None
        try:
            users.add(
                console.admin_name,
                role=ADMIN,
                email="",
                password=console.admin_password.get_secret_value(),
            )
        except users.UserInvalid as error:
            raise SettingsInvalid(
                [Problem("console.admin_name, console.admin_password", str(error))]
            ) from error
    return console.admin_name
