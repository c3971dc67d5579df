"""The console as a Django application."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AppConfig):
    """Mailroom's tables and pages."""

    name = "services.console.web"
    label = "mailroom"
    verbose_name = "Mailroom"


class ConsoleAdminConfig(AdminConfig):
    """Django's admin, with the console as its site."""

    default_site = "services.console.web.site.ConsoleSite"
