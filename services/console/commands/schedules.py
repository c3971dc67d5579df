"""`mailroom schedules`: what is due when, and running or stopping it by hand."""

import shlex
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer

from services.console.completion import complete
from services.console.connection import transaction
from services.console.output import AsJson, print_json, print_table, shown
from services.console.progress import progress_bar
from services.console.publishing import publishing
from services.console.reports.composing import composing
from services.console.reports.runs import request
from services.console.schedules.expectation import ExpectedMail, ExpectedReport, expect
from services.console.schedules.firings import FiringAhead, firings_ahead
from services.console.schedules.running import runs_by_hand
from services.console.schedules.schedules import (
    StoredSchedule,
    find_schedule,
    list_schedules,
    switch,
    switch_all,
)
from services.report_worker.catalogue import Catalogue
from services.scheduler.commands import report_runs
from services.scheduler.rhythm import ScheduleInvalid
from shared.broker import Topology
from shared.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="The schedules.")

Name = Annotated[
    str, typer.Argument(help="As `schedules list` shows it.", autocompletion=complete("schedules"))
]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME...",
        help="As `schedules list` shows them.",
        autocompletion=complete("schedules"),
    ),
]
All = Annotated[bool, typer.Option("--all", help="Every schedule at once.")]
_STILL_BY_HAND = (
    "reports asked for by hand still go out; `mailroom preferences set exchange__reports_enabled N` "
    "skips those, too"
)
#: How many firings are explained.
_AHEAD = 10


@app.command("list")
def list_all(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the schedules, each with its next firing."""
    now = datetime.now(UTC)
    with transaction(load_settings(context.obj).database_url) as connection:
        schedules = list(list_schedules(connection).values())
    if as_json:
        print_json([{**asdict(schedule), "next_at": _next_at(schedule, now)} for schedule in schedules])
        return
    print_table(
        ("name", "enabled", "rhythm", "zone", "next firing", "reports"),
        [
            (
                schedule.name,
                schedule.enabled,
                schedule.rhythm,
                schedule.time_zone,
                _next_at(schedule, now),
                schedule.reports,
            )
            for schedule in schedules
        ],
    )


@app.command("show")
def show(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Show everything about one schedule."""
    now = datetime.now(UTC)
    with transaction(load_settings(context.obj).database_url) as connection:
        schedule = find_schedule(connection, name)
    record = {**asdict(schedule), "next_at": _next_at(schedule, now)}
    if as_json:
        print_json(record)
    else:
        print_table(("field", "value"), list(record.items()))


@app.command("enable")
def enable(
    context: typer.Context, names: Names = None, *, every: All = False, as_json: AsJson = False
) -> None:
    """Enable schedules; the nominal times that passed meanwhile do not fire."""
    _switch(context, names or [], every=every, enabled=True, as_json=as_json)


@app.command("disable")
def disable(
    context: typer.Context, names: Names = None, *, every: All = False, as_json: AsJson = False
) -> None:
    """Disable schedules: they fire no more; `preferences set exchange__reports_enabled N` skips every run."""
    _switch(context, names or [], every=every, enabled=False, as_json=as_json)
    if every:
        print(_STILL_BY_HAND, file=sys.stderr)


@app.command("run")
def run(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Run the reports of a schedule now, enabled or not; its own firings stay as they are."""
    settings = load_settings(context.obj)
    catalogue = Catalogue.load(settings.reports.catalogue_path)
    with transaction(settings.database_url) as connection:
        schedule = find_schedule(connection, name)
    runs = runs_by_hand(schedule.as_scheduled(), catalogue, datetime.now(UTC))
    with publishing(settings) as publisher:
        request(
            partial(transaction, settings.database_url),
            publisher,
            Topology.of(settings),
            runs,
            schedule=schedule.name,
        )
    if as_json:
        print_json([{"run_id": each.run_id, "report": each.report} for each in runs])
        return
    for each in runs:
        print(f"run {each.run_id} of {each.report} published")


@app.command("explain")
def explain(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Tell when a schedule fires next, and what it would mail to whom if it fired now."""
    settings = load_settings(context.obj)
    now = datetime.now(UTC)
    catalogue = Catalogue.load(settings.reports.catalogue_path)
    with (
        transaction(settings.database_url) as connection,
        composing(settings) as composer,
        progress_bar("composing", "reports") as progress,
    ):
        schedule = find_schedule(connection, name)
        runs = report_runs(schedule.as_scheduled(), now)
        reports = []
        for report in expect(connection, composer, catalogue, runs, schedule=name, now=now):
            reports.append(report)
            progress(len(reports), len(runs))
    firings = firings_ahead(schedule.as_scheduled(), now, _AHEAD)
    if as_json:
        print_json({**asdict(schedule), "firings": firings, "reports": reports})
        return
    print(f"{shown(schedule.name)}: {shown(schedule.rhythm)}, {shown(schedule.time_zone)}")
    if not schedule.enabled:
        command = shlex.join(["mailroom", "schedules", "enable", schedule.name])
        print(f"It is disabled; nothing of this happens before: {shown(command)}")
    _print_firings(firings)
    for report in reports:
        _print_report(report)


def _next_at(schedule: StoredSchedule, now: datetime) -> datetime | str | None:
    """When it fires next; for one that the scheduler cannot read, why."""
    if not schedule.enabled:
        return None
    try:
        firings = firings_ahead(schedule.as_scheduled(), now, 1)
    except ScheduleInvalid as error:
        return str(error)
    return firings[0].local if firings else None


def _switch(context: typer.Context, names: list[str], *, every: bool, enabled: bool, as_json: bool) -> None:
    if every == bool(names):
        raise typer.BadParameter("give the names of schedules, or --all for every one", param_hint="NAME")
    with transaction(load_settings(context.obj).database_url) as connection:
        changed = (
            switch_all(connection, enabled=enabled) if every else switch(connection, names, enabled=enabled)
        )
    word = "enabled" if enabled else "disabled"
    if as_json:
        print_json({word: changed})
        return
    for name in changed:
        print(f"{word}: {shown(name)}")
    if not changed:
        print(f"nothing to do: {'every schedule' if every else 'they'} {'is' if every else 'are'} {word}")


def _print_firings(firings: list[FiringAhead]) -> None:
    print()
    if not firings:
        print("It does not fire any more.")
        return
    print_table(
        ("local", "UTC", "note"),
        [(firing.local_text, firing.utc_text, "; ".join(firing.notes)) for firing in firings],
    )


def _print_report(report: ExpectedReport) -> None:
    print()
    print(f"{shown(report.report)}, if it ran now")
    lines = [
        ("subscription", report.subscription),
        ("recipients", report.recipients or "nobody"),
        ("no addresses", report.malformed),
        ("more than once", report.repeated),
        ("problem", report.problem),
    ]
    for label, value in lines:
        if value:
            print(f"  {label}: {shown(value)}")
    for mail in report.mails:
        print(f"  {_mail_line(mail)}")


def _mail_line(mail: ExpectedMail) -> str:
    entity = f"{shown(mail.entity)}: " if mail.entity else ""
    rows = f"{mail.rows:,} row{'' if mail.rows == 1 else 's'}"
    sent = "" if mail.mailed else ", not mailed"
    remark = f" ({shown(mail.remark)})" if mail.remark else ""
    return f"{entity}{rows}, {mail.csv_bytes:,} bytes as CSV, attachment: {mail.attachment}{sent}{remark}"
