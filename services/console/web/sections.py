"""The order in which the console lists its pages: by what an operator works at, not by table name."""

from collections.abc import Mapping, Sequence
from typing import Any

#: Sections with the names of their models.
_SECTIONS: Mapping[str, Sequence[str]] = {
    "Reports": ("Schedule", "Subscription", "ReportRun", "Preference"),
    "Bounces": ("QueueEntry", "QuarantinedEntry", "AuditRecord", "Why"),
    "Mail": ("Delivery", "ParkedMessage"),
    "Inventory": ("Site", "Bot", "Server", "Database", "DomainPair"),
    "Access": ("User", "LogEntry"),
}
_OTHERS = "More"


def in_sections(apps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put the pages of Django's list of applications into sections; one that none names comes last.

    Args:
        apps: as `AdminSite.get_app_list` returns them.
    """
    section_of = {model: section for section, models in _SECTIONS.items() for model in models}
    rank = {model: number for number, model in enumerate(section_of)}
    sections: dict[str, dict[str, Any]] = {}
    pages = [(app, page) for app in apps for page in app["models"]]
    for app, page in sorted(pages, key=lambda each: rank.get(each[1]["object_name"], len(rank))):
        name = section_of.get(page["object_name"], _OTHERS)
        sections.setdefault(name, {**app, "name": name, "models": []})["models"].append(page)
    return list(sections.values())
