"""Values that several tests start from."""

from datetime import UTC, datetime, timedelta

from services.report_worker.report import Column, Report, WithoutRows
from services.report_worker.subscription import Subscription
from services.report_worker.window import Window

NOMINAL_AT = datetime(2026, 11, 20, 23, 45, tzinfo=UTC)
WINDOW = Window(NOMINAL_AT, timedelta(hours=12))
SUBSCRIPTION = Subscription("Ops", "ops@example.com", "mailroom@example.com")
SERVERS = Report(
    name="quiet-servers",
    title="Quiet servers",
    subscription="Ops",
    subject="Exchange servers that have not serviced any send requests",
    explanation="The longest silent first.",
    columns=(Column("server", "Exchange Server"), Column("last_send", "Last Send", "time")),
    without_rows=WithoutRows("All Exchange servers have serviced send requests", "Nothing needs doing."),
    sql="SELECT 1",
    send_empty="preference",
)
EVENTS = Report(
    name="events",
    title="Events by site",
    subscription="Ops",
    subject="Exchange send receive events for site",
    explanation="In order of time.",
    columns=(Column("identifier", "Exchange Message Identifier"), Column("status", "Status", "status")),
    without_rows=WithoutRows(
        "No Exchange send receive events for site", "Please investigate.", investigate=True
    ),
    sql="SELECT 1",
    scope="site",
)
FAILED_EVENTS = Report(
    name="failed-events",
    title="Failed events by site",
    subscription="Ops",
    subject="Exchange failed send receive events for site",
    explanation="In order of time.",
    columns=(Column("identifier", "Exchange Message Identifier"),),
    without_rows=WithoutRows("No Exchange failed send receive events for site", "Nothing needs doing."),
    sql="SELECT 1",
    scope="site",
    level="error_with_rows",
)
