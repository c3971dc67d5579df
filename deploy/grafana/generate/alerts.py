"""The alerts that panels show; a test compares them with the rules in deploy/prometheus/rules."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Alert:
    """An alert as a panel shows it.

    Attributes:
        name: of the rule.
        bound: the number that the rule compares with.
    """

    name: str
    bound: float

    @property
    def bad_from(self) -> float:
        """Grafana colours what reaches a number, and rules fire above it; what they count is whole."""
        return self.bound or 1

    @property
    def runbook(self) -> str:
        """The address of its page."""
        return runbook(self.name)


def runbook(alert: str) -> str:
    """Give the address of an alert's page; dashboards have a variable for where the pages are."""
    return f"${{runbooks}}/{alert}.md"


BOUNCES_QUARANTINED = Alert("MailroomBouncesQuarantined", 0)
BOUNCES_WAITING = Alert("MailroomBouncesWaiting", 900)
BROKER_AWAY = Alert("MailroomBrokerAway", 0)
BROKER_BLOCKED = Alert("MailroomBrokerBlocked", 1)
CONSOLE_ERRORS = Alert("MailroomConsoleErrors", 0.05)
DATABASE_AWAY = Alert("MailroomDatabaseAway", 0)
EVENTS_DROPPED = Alert("MailroomEventsDropped", 0)
FIRING_MISSED = Alert("MailroomFiringMissed", 300)
MAIL_IN_DOUBT = Alert("MailroomMailInDoubt", 0)
MAIL_OUT_BACKLOG = Alert("MailroomMailOutBacklog", 1000)
MAIL_SERVER_UNUSABLE = Alert("MailroomMailServerUnusable", 0)
MESSAGES_PARKED = Alert("MailroomMessagesParked", 0)
RECORDS_NOT_WRITTEN = Alert("MailroomRecordsNotWritten", 0)
REPORTS_FAILED = Alert("MailroomReportsFailed", 0)
RETENTION_LATE = Alert("MailroomRetentionLate", 172800)
SCHEDULER_SILENT = Alert("MailroomSchedulerSilent", 120)
SERVICE_DOWN = Alert("MailroomServiceDown", 0)
