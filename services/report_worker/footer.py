"""The end of every mail: where it comes from, which run it is, and how to change or stop it."""

import shlex
from dataclasses import dataclass
from datetime import datetime

from services.report_worker.delivery import Delivery
from services.report_worker.phrases import local_time, window_text
from services.report_worker.report import Report
from services.report_worker.runs import TakenRun
from services.report_worker.settings import ReportSettings
from services.report_worker.window import Window


@dataclass(frozen=True, slots=True)
class Footer:
    """What stands below the rows.

    Attributes:
        facts: name and value.
        commands: what somebody wants, and the command for it.
    """

    facts: tuple[tuple[str, str], ...]
    commands: tuple[tuple[str, str], ...]


def write_footer(
    taken: TakenRun,
    report: Report,
    delivery: Delivery,
    *,
    window: Window,
    now: datetime,
    settings: ReportSettings,
) -> Footer:
    """Return the footer of a mail about a run, made at `now`."""
    zone = settings.time_zone
    name = delivery.subscription.name
    return Footer(
        facts=(
            ("Report", f"{report.name} ({report.title})"),
            ("Schedule", taken.schedule or "none: asked for by an operator"),
            ("Subscription", name),
            ("Window", f"{window_text(window, zone)} ({zone.key})" if report.window else "none"),
            ("Generated", f"{local_time(now, zone)} on {settings.host_name}"),
            ("Run", taken.run.run_id),
        ),
        commands=(
            ("To change it", shlex.join(["mailroom", "subscriptions", "show", name])),
            ("To stop it for a while", shlex.join(["mailroom", "subscriptions", "mute", name])),
        ),
    )
