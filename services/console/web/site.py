"""The console's site: its title, and the order of its index."""

from django.contrib import admin


class ConsoleSite(admin.AdminSite):
    """Django's admin under Mailroom's name."""

    site_header = "Mailroom"
    site_title = "Mailroom"
    index_title = "Overview"
    enable_nav_sidebar = True
