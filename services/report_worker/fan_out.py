"""A report for every site or every bot: one run turns into one run per entity, each its own command.

So one slow site delays nobody. The ids of the children follow from the parent's, which makes fanning out
twice the same as once.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid5

import psycopg

from services.report_worker.report import Scope
from shared.database.statements import load_statements
from shared.wire import ReportRun

_STATEMENTS = load_statements("services.report_worker", "control.sql")
_ENTITIES: dict[Scope, str] = {"site": "enabled_sites", "bot": "enabled_bots"}


def load_entities(connection: psycopg.Connection, scope: Scope) -> list[str]:
    """Return the names of the enabled sites or bots, each once."""
    return [name for (name,) in connection.execute(_STATEMENTS[_ENTITIES[scope]])]


def child_runs(parent: ReportRun, scope: Scope, entities: Sequence[str]) -> list[ReportRun]:
    """Return the runs that a run for all of `entities` stands for, in their order."""
    return [
        replace(parent, run_id=str(uuid5(UUID(parent.run_id), f"{scope}:{name}")), scope={scope: name})
        for name in entities
    ]
