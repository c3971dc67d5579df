"""Where Django looks for pages; each module of `pages` registers its own."""

from importlib import import_module
from pkgutil import iter_modules

from services.console.web import pages

for _module in iter_modules(pages.__path__):
    import_module(f"{pages.__name__}.{_module.name}")
