"""Every metric of Mailroom (contracts 9): base units, `_total` for counters, labels of bounded cardinality.

One process per container and threads inside it, so that plain `/metrics` is enough.
"""

from collections.abc import Iterable
from itertools import product

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SLOW = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_SIZES = (0, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000)

COMMANDS_CONSUMED = Counter(
    "mailroom_commands_consumed_total", "Messages taken from a queue, by outcome.", ["queue", "outcome"]
)
COMMAND_DURATION = Histogram(
    "mailroom_command_duration_seconds", "Time a worker took over a message.", ["queue"], buckets=_FAST
)
PUBLISH_CONFIRM = Histogram(
    "mailroom_publish_confirm_seconds", "Time from publish to confirm.", ["exchange"], buckets=_FAST
)
BROKER_BLOCKED = Gauge(
    "mailroom_broker_blocked", "1 while the broker takes no messages, being low on memory or disk."
)
BROKER_CONNECTED = Gauge("mailroom_broker_connected", "1 while the publisher has a channel to the broker.")
PUBLISHES_IN_PROGRESS = Gauge("mailroom_publishes_in_progress", "Publishes that wait for their confirms.")
QUEUE_DEPTH = Gauge("mailroom_queue_depth", "Messages ready on a queue.", ["queue"])
QUEUE_CONSUMERS = Gauge("mailroom_queue_consumers", "Consumers of a queue of work.", ["queue"])
EVENTS_DROPPED = Counter(
    "mailroom_events_dropped_total", "Events that were not published, because the broker took none."
)
PARKED = Counter("mailroom_parked_total", "Messages parked, by reason.", ["queue", "reason"])
BOUNCES_PROCESSED = Counter(
    "mailroom_bounces_processed_total", "Bounced entries finished, by audit action.", ["action"]
)
BOUNCES_WAITING = Gauge("mailroom_bounces_waiting", "Bounced entries in the queue.")
OLDEST_BOUNCE_AGE = Gauge("mailroom_oldest_bounce_age_seconds", "Age of the oldest bounced entry; 0: none.")
MAIL_OUT_WAITING = Gauge(
    "mailroom_mail_out_waiting", "Mails ready on mail-out when a bounce claim last looked."
)
CLAIMS_PAUSED = Counter(
    "mailroom_claims_paused_total", "Polls that claimed no bounces, because mail-out was too full."
)
NDRS = Counter("mailroom_ndrs_total", "NDRs, by outcome.", ["outcome"])
RECORD_WRITE_ERRORS = Counter(
    "mailroom_record_write_errors_total", "Audit lines or NDR copies that could not be written.", ["record"]
)
REPORTS = Counter("mailroom_reports_total", "Report runs finished, by outcome.", ["report", "outcome"])
REPORT_DURATION = Histogram(
    "mailroom_report_duration_seconds", "Time a report run took.", ["report"], buckets=_SLOW
)
REPORT_ROWS = Histogram("mailroom_report_rows", "Rows of a report.", ["report"], buckets=_SIZES)
SCHEDULE_NEXT_DUE = Gauge(
    "mailroom_schedule_next_due_timestamp_seconds", "When a schedule fires next.", ["schedule"]
)
SCHEDULE_LAST_SUCCESS = Gauge(
    "mailroom_schedule_last_success_timestamp_seconds", "When a firing was last published.", ["schedule"]
)
SCHEDULER_LAST_ROUND = Gauge(
    "mailroom_scheduler_last_round_timestamp_seconds", "When the scheduler last made a whole round."
)
MAIL_DELIVERIES = Counter(
    "mailroom_mail_deliveries_total", "Delivery attempts per recipient, by outcome.", ["outcome"]
)
MAIL_DELIVERY = Histogram("mailroom_mail_delivery_seconds", "Time one SMTP transaction took.", buckets=_FAST)
MAIL_IN_DOUBT = Gauge(
    "mailroom_mail_in_doubt", "Deliveries whose last attempt ended without anybody knowing the result."
)
MAIL_SERVER_USABLE = Gauge(
    "mailroom_mail_server_usable", "1 while the mail server can be used, 0 while mails wait for it."
)
ROWS_PRUNED = Counter("mailroom_rows_pruned_total", "Rows removed because of their age.", ["table"])
RETENTION_LAST_SUCCESS = Gauge(
    "mailroom_retention_last_success_timestamp_seconds", "When old rows were last removed, to the end."
)
CONSOLE_REQUESTS = Counter(
    "mailroom_console_requests_total", "Requests to the web console, by HTTP status.", ["method", "status"]
)
CONSOLE_REQUEST_DURATION = Histogram(
    "mailroom_console_request_duration_seconds", "Time the web console took over a request.", buckets=_FAST
)


def begin_at_zero(counter: Counter, *labels: Iterable[str]) -> None:
    """Show a counter before it counts: Prometheus sees no increase in a series that begins with 1.

    Args:
        counter: with labels.
        labels: the values of each; every combination of them is shown.
    """
    for values in product(*labels):
        counter.labels(*values)
