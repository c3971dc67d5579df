"""The console as a Django application."""

from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AppConfig):
    """Mailroom's tables and pages."""

    name = "services.console.web"
    label = "mailroom"
    verbose_name = "Mailroom"

    def ready(self) -> None:
        """Listen to what Django signals: logins, failed ones, failed pages."""
        from services.console.web.access import (  # noqa: F401 - they register themselves
            failures,
            sessions,
            throttle,
        )

        # as the pages call what Django has other words for
        for name in ("auth", "admin"):
            apps.get_app_config(name).verbose_name = "Access"
        history = apps.get_model("admin", "LogEntry")._meta
        history.verbose_name, history.verbose_name_plural = "change", "history"


class ConsoleAdminConfig(AdminConfig):
    """Django's admin, with the console as its site."""

    default_site = "services.console.web.site.ConsoleSite"
