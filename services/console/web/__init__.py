"""The web console: Django's admin over Mailroom's tables, with the functions of the command line behind it.

Django is configured from Mailroom's settings, by `project.set_up`; no module of `models` or `pages` can be
imported before.
"""
