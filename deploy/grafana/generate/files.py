"""The dashboards' files: one JSON file each, named after its module."""

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana.generate import broker_and_database, ndrs, overview, relay, reports

FOLDER = Path(__file__).parents[1] / "dashboards"
_MODULES = (overview, reports, ndrs, relay, broker_and_database)


def rendered() -> dict[str, str]:
    """Return the text of every file, by its name."""
    return {f"{_name(module.__name__)}.json": _json(module.dashboard()) for module in _MODULES}


def write_dashboards() -> None:
    """Write the files, and remove those of dashboards that are no more."""
    texts = rendered()
    for file in FOLDER.glob("*.json"):
        if file.name not in texts:
            file.unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text, "utf-8")


def _name(module: str) -> str:
    return module.rpartition(".")[2]


def _json(dashboard: object) -> str:
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
