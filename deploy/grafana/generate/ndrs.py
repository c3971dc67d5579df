"""Non-delivery reports: do bounces wait, what became of them, is anything held back?"""

from collections.abc import Iterator

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.generate import alerts, relay
from deploy.grafana.generate.page import Panel, page
from deploy.grafana.generate.panels import graph, number, row
from deploy.grafana.generate.queries import Query, count, per_second, quantiles, series, total

WAITING = "max(mailroom_bounces_waiting)"
OLDEST = "max(mailroom_oldest_bounce_age_seconds)"
_POLLS = 'queue="bounce-commands"'


def dashboard() -> Dashboard:
    """Build it."""
    return page(
        "NDRs",
        "Whether bounces wait for their NDR, what became of those without one, what holds them back.",
        [
            *_now(),
            row("Bounces and NDRs"),
            *_bounces(),
            row("Polls"),
            *_polls(),
            row("Held back"),
            *_held_back(),
        ],
    )


def _now() -> Iterator[Panel]:
    yield number("Bounces waiting", WAITING, meaning="Bounced entries in the queue.")
    yield number(
        "Oldest bounce",
        OLDEST,
        meaning="How long the oldest bounced entry has been waiting for its NDR.",
        unit="s",
        alert=alerts.BOUNCES_WAITING,
    )
    yield number(
        "NDRs issued",
        total(series("mailroom_ndrs_total", 'outcome="issued"')),
        meaning="NDRs that the broker confirmed in the time shown.",
    )
    yield number(
        "NDRs not issued",
        total(series("mailroom_ndrs_total", 'outcome!="issued"')),
        meaning="NDRs that the broker did not confirm, in the time shown. They are tried again.",
        bad_from=1,
    )
    yield number(
        "Quarantined",
        total(series("mailroom_bounces_processed_total", 'action="quarantined"')),
        meaning="Bounced entries that no NDR could be made of, in the time shown.",
        alert=alerts.BOUNCES_QUARANTINED,
    )
    yield relay.mail_out()


def _bounces() -> Iterator[Panel]:
    yield graph("Bounces waiting", Query(WAITING, "waiting"), meaning="Bounced entries in the queue.")
    yield graph(
        "Age of the oldest bounce",
        Query(OLDEST, "oldest"),
        meaning="0: none waits.",
        unit="s",
        alert=alerts.BOUNCES_WAITING,
    )
    yield graph(
        "NDRs, by outcome",
        Query(count("mailroom_ndrs_total", "outcome"), "{{outcome}}"),
        meaning="Issued: confirmed by the broker. Unconfirmed ones are tried again.",
        stacked=True,
        bars=True,
    )
    yield graph(
        "Bounces finished, by action",
        Query(count("mailroom_bounces_processed_total", "action"), "{{action}}"),
        meaning="The actions of the audit: reported, quarantined, or why no NDR was due.",
        stacked=True,
        bars=True,
    )


def _polls() -> Iterator[Panel]:
    yield graph(
        "Polls, by outcome",
        Query(per_second(series("mailroom_commands_consumed_total", _POLLS), "outcome"), "{{outcome}}"),
        meaning="Commands to poll the bounce queue that workers took. None at all: nobody polls.",
        unit="ops",
        stacked=True,
    )
    yield graph(
        "Time for a poll",
        *quantiles("mailroom_command_duration_seconds", _POLLS),
        meaning="From taking the command to having finished the batch.",
        unit="s",
    )


def _held_back() -> Iterator[Panel]:
    yield graph(
        "Mails on mail-out, as claims see it",
        Query("max(mailroom_mail_out_waiting)", "ready"),
        meaning="When a claim last looked. Above ndr.mail_out_high_water none claims bounces.",
        width=8,
    )
    yield graph(
        "Polls that claimed nothing",
        Query(per_second("mailroom_claims_paused_total"), "paused"),
        meaning="Because mail-out was above ndr.mail_out_high_water, or the broker did not tell.",
        unit="ops",
        width=8,
    )
    yield graph(
        "Records not written",
        Query(count("mailroom_record_write_errors_total", "record"), "{{record}}"),
        meaning="Audit lines or NDR copies that could not be written to disk.",
        alert=alerts.RECORDS_NOT_WRITTEN,
        bars=True,
        width=8,
    )
