"""`mailroom reports`: the catalogue, a preview, a run by hand, and what became of runs."""

import email
import email.policy
import sys
from contextlib import closing
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Annotated
from uuid import uuid4

import typer

from services.console.commands.moments import read_moment
from services.console.completion import complete, complete_reports
from services.console.connection import transaction
from services.console.output import AsJson, print_json, print_table, shown
from services.console.publishing import publishing
from services.console.reports.composing import composing
from services.console.reports.listing import find_report, list_reports
from services.console.reports.rows import write_rows
from services.console.reports.runs import RunState, list_runs, nearest_run, request
from services.console.reports.scope import check_scope, read_scope
from services.console.schedules.schedules import list_schedules
from services.report_worker.catalogue import Catalogue
from services.report_worker.entity import entity_of
from services.report_worker.fan_out import load_entities
from services.report_worker.preview import Occasion, Preview, preview_report
from services.report_worker.report import Report
from services.report_worker.runs import RunUnknown
from shared.broker import Topology
from shared.database.connections import open_pool, reports_url
from shared.settings import Settings, load_settings
from shared.wire import ReportRun

app = typer.Typer(no_args_is_help=True, help="The reports and their runs.")

Name = Annotated[str, typer.Argument(help="As `reports list` shows it.", autocompletion=complete_reports)]
Site = Annotated[str | None, typer.Option(help="The site it is about.", autocompletion=complete("sites"))]
Bot = Annotated[str | None, typer.Option(help="The bot it is about.", autocompletion=complete("bots"))]
Nominal = Annotated[str | None, typer.Option(help="End of its window, RFC 3339; default: now.")]


class Part(StrEnum):
    """What of a mail is printed."""

    RAW = "raw"
    TEXT = "text"
    HTML = "html"


@app.command("list")
def list_all(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the catalogue, entries that cannot be used with the reason."""
    settings = load_settings(context.obj)
    catalogue = _catalogue(settings)
    with transaction(settings.database_url) as connection:
        reports = list_reports(catalogue, list_schedules(connection))
    if as_json:
        print_json(reports)
        return
    print_table(
        ("name", "title", "scope", "subscription", "schedules"),
        [
            (report.name, report.title, report.scope, report.subscription, report.schedules)
            for report in reports
            if not report.broken
        ],
    )
    for report in reports:
        if report.broken:
            print(f"cannot be used: {shown(report.broken)}")


@app.command("preview")
def preview(
    context: typer.Context,
    name: Name,
    *,
    site: Site = None,
    bot: Bot = None,
    nominal: Nominal = None,
    part: Annotated[Part, typer.Option("--as", help="The whole mail, or one of its bodies.")] = Part.TEXT,
    as_json: AsJson = False,
) -> None:
    """Print the mail a report would be, without a run, a mail or a trace in the ledger."""
    settings = load_settings(context.obj)
    report = find_report(_catalogue(settings), name)
    scope = read_scope(site, bot)
    now = datetime.now(UTC)
    occasion = Occasion(_nominal(nominal, now), scope)
    _check_scope(settings, report, scope, needed=True)
    with transaction(settings.database_url) as connection, composing(settings) as composer:
        made = preview_report(connection, composer, report, occasion, now)
    message = made.letter.message or b""
    if as_json:
        print_json(_as_record(made, message.decode("utf-8", "replace")))
        return
    _print_fate(made)
    sys.stderr.flush()
    sys.stdout.buffer.write(message if part is Part.RAW else _body(message, part))
    sys.stdout.flush()


@app.command("run")
def run(
    context: typer.Context,
    name: Name,
    *,
    site: Site = None,
    bot: Bot = None,
    nominal: Nominal = None,
    as_json: AsJson = False,
) -> None:
    """Run a report now; without --site or --bot, for every one of those it is about."""
    settings = load_settings(context.obj)
    report = find_report(_catalogue(settings), name)
    scope = read_scope(site, bot)
    command = ReportRun(
        str(uuid4()), report.name, _nominal(nominal, datetime.now(UTC)), scope, requested_by="operator"
    )
    _check_scope(settings, report, scope, needed=False)
    with publishing(settings) as publisher:
        request(partial(transaction, settings.database_url), publisher, Topology.of(settings), [command])
    if as_json:
        print_json({"run_id": command.run_id, "report": command.report})
    else:
        print(f"run {command.run_id} of {command.report} published")


@app.command("runs")
def runs(
    context: typer.Context,
    *,
    report: Annotated[
        str | None, typer.Option(help="Only runs of this report.", autocompletion=complete_reports)
    ] = None,
    state: Annotated[RunState | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most to show.")] = 50,
    csv: Annotated[
        str | None,
        typer.Option(
            metavar="RUN_ID",
            help="Write the rows of this run to standard output.",
            autocompletion=complete("runs"),
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List runs, the latest first; or write the rows of one once more, as when they did not fit its mail."""
    settings = load_settings(context.obj)
    if csv is not None:
        _write_rows(settings, csv)
        return
    with transaction(settings.database_url) as connection:
        found = list_runs(connection, report=report, state=state, limit=limit)
    if report is not None and not found:
        find_report(_catalogue(settings), report)
    if as_json:
        print_json(found)
        return
    print_table(
        ("run", "report", "about", "nominal time", "state", "rows", "requested by", "detail"),
        [
            (
                each.run_id,
                each.report,
                entity_of(each.scope),
                each.nominal_at,
                each.state,
                each.row_count,
                each.schedule or each.requested_by,
                each.error or each.reason,
            )
            for each in found
        ],
    )
    if len(found) == limit:
        print(f"the first {limit}; --limit shows more")


def _catalogue(settings: Settings) -> Catalogue:
    return Catalogue.load(settings.reports.catalogue_path)


def _nominal(text: str | None, now: datetime) -> datetime:
    return now if text is None else read_moment(text, "--nominal")


def _check_scope(settings: Settings, report: Report, scope: dict[str, str] | None, *, needed: bool) -> None:
    with transaction(settings.database_url) as connection:
        entities = load_entities(connection, report.scope) if report.scope else []
    check_scope(report, scope, entities, needed=needed)


def _write_rows(settings: Settings, run_id: str) -> None:
    try:
        with (
            transaction(settings.database_url) as connection,
            closing(open_pool(reports_url(settings), "mailroom console", size=1)) as pool,
        ):
            written = write_rows(connection, pool, settings, run_id, sys.stdout.buffer)
    except RunUnknown as error:
        with transaction(settings.database_url) as connection:
            near = nearest_run(connection, run_id)
        raise RunUnknown(f"{error}; did you mean {near}?" if near else str(error)) from error
    sys.stdout.flush()
    if written.same is False:
        print(
            "these are not the rows that were mailed: the monitoring data or the subscription's columns "
            "have changed since",
            file=sys.stderr,
        )


def _body(message: bytes, part: Part) -> bytes:
    mail = email.message_from_bytes(message, policy=email.policy.default)
    body = mail.get_body(("html",) if part is Part.HTML else ("plain",))
    return str(body.get_content()).replace("\r\n", "\n").encode() if body else b""


def _print_fate(made: Preview) -> None:
    """Print what would become of the mail on standard error, so that standard output is the mail alone."""
    to = ", ".join(mailbox.address for mailbox in made.recipients)
    fate = f"to {shown(to)}" if made.mailed else "would not be mailed"
    why = f": {shown(made.explanation)}" if made.explanation else ""
    print(shown(made.letter.subject), file=sys.stderr)
    print(f"{made.letter.row_count:,} row(s), {fate}{why}", file=sys.stderr)


def _as_record(made: Preview, message: str) -> dict[str, object]:
    return {
        "subject": made.letter.subject,
        "scope": made.scope,
        "row_count": made.letter.row_count,
        "csv_bytes": made.letter.csv_bytes,
        "attachment": made.letter.form.value if made.letter.form else None,
        "recipients": [mailbox.address for mailbox in made.recipients],
        "mailed": made.mailed,
        "remark": made.remark,
        "message": message,
    }
