"""The relay: does the mail server take mails, how fast, and is anybody unsure what it took?"""

from collections.abc import Iterator

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.generate import alerts
from deploy.grafana.generate.page import Panel, page
from deploy.grafana.generate.panels import flag, graph, number, row
from deploy.grafana.generate.queries import RELAY, Query, count, per_second, quantiles, series, total

IN_DOUBT = f"max({series('mailroom_mail_in_doubt', RELAY)})"
USABLE = f"min({series('mailroom_mail_server_usable', RELAY)})"
_DELIVERIES = "mailroom_mail_deliveries_total"
_MAILS = 'queue="mail-out"'
DEPTH = f"max({series('mailroom_queue_depth', _MAILS)})"


def dashboard() -> Dashboard:
    """Build it."""
    return page(
        "relay",
        "Whether the mail server takes mails, how deliveries end and how long they take, which are in doubt.",
        [*_now(), row("Deliveries"), *_deliveries(), row("Mails taken from the queue"), *_mails()],
    )


def server_usable(width: int = 4) -> Panel:
    """Tell whether mails can be handed to the mail server."""
    return flag(
        "Mail server",
        USABLE,
        meaning="As the relay that fares worst sees it. While it cannot be used, mails wait in the queue.",
        good=(1, "usable"),
        bad=(0, "not usable"),
        alert=alerts.MAIL_SERVER_UNUSABLE,
        width=width,
    )


def in_doubt(leads_to: str = "", width: int = 4) -> Panel:
    """Tell how many deliveries are in doubt."""
    return number(
        "In doubt",
        IN_DOUBT,
        meaning="Deliveries whose last attempt ended without anybody knowing the result, held ones included.",
        alert=alerts.MAIL_IN_DOUBT,
        leads_to=leads_to,
        width=width,
    )


def mail_out(width: int = 4) -> Panel:
    """Tell how many mails wait for a relay."""
    return number(
        "Mails on mail-out",
        DEPTH,
        meaning="Mails that no relay has in hand. The alert fires only if they do not become fewer.",
        alert=alerts.MAIL_OUT_BACKLOG,
        width=width,
    )


def _now() -> Iterator[Panel]:
    yield server_usable()
    yield in_doubt()
    yield number(
        "Delivered",
        total(series(_DELIVERIES, 'outcome="delivered"')),
        meaning="Recipients that the mail server accepted a mail for, in the time shown.",
    )
    yield number(
        "Failed for good",
        total(series(_DELIVERIES, 'outcome=~"failed|double-bounce"')),
        meaning="Recipients that the mail server refused for good, in the time shown.",
        bad_from=1,
    )
    yield number(
        "Deferred",
        total(series(_DELIVERIES, 'outcome="deferred"')),
        meaning="Attempts that the mail server put off, in the time shown.",
    )
    yield mail_out()


def _deliveries() -> Iterator[Panel]:
    yield graph(
        "Deliveries, by outcome",
        Query(per_second(_DELIVERIES, "outcome"), "{{outcome}}"),
        meaning="Attempts, per recipient. Repeated: finished already, so dropped.",
        unit="ops",
        stacked=True,
    )
    yield graph(
        "Time for an SMTP transaction",
        *quantiles("mailroom_mail_delivery_seconds"),
        meaning="From MAIL FROM to the answer after the message.",
        unit="s",
    )
    yield graph(
        "Postponed by the gate or a limit",
        Query(count(series(_DELIVERIES, 'outcome="not-offered"')), "not offered"),
        meaning="Without an attempt: the server could not be used, or a destination's limit was reached.",
        bars=True,
        width=8,
    )
    yield graph(
        "In doubt",
        Query(IN_DOUBT, "in doubt"),
        meaning="Gaps: the database did not answer.",
        width=8,
    )
    yield graph(
        "Mails on mail-out",
        Query(DEPTH, "ready"),
        meaning="Mails that are ready and that no relay has in hand.",
        alert=alerts.MAIL_OUT_BACKLOG,
        width=8,
    )


def _mails() -> Iterator[Panel]:
    yield graph(
        "Mails taken, by outcome",
        Query(per_second(series("mailroom_commands_consumed_total", _MAILS), "outcome"), "{{outcome}}"),
        meaning="Retried: goes to a retry queue. Waiting: a delayed retry that hops on.",
        unit="ops",
        stacked=True,
    )
    yield graph(
        "Time in the relay",
        *quantiles("mailroom_command_duration_seconds", _MAILS),
        meaning="From taking a mail from the queue to having noted what became of it.",
        unit="s",
    )
