"""Mailroom's tables as Django sees them: unmanaged, the numbered SQL migrations being the one schema."""

from services.console.web.models.bounces import AuditRecord, QuarantinedEntry, QueueEntry, SpooledMessage
from services.console.web.models.control import Preference, ReportRun, Schedule, Subscription
from services.console.web.models.deliveries import Delivery
from services.console.web.models.monitoring import Bot, Database, DomainPair, Server, Site
from services.console.web.models.parked import ParkedMessage

__all__ = [
    "AuditRecord",
    "Bot",
    "Database",
    "Delivery",
    "DomainPair",
    "ParkedMessage",
    "Preference",
    "QuarantinedEntry",
    "QueueEntry",
    "ReportRun",
    "Schedule",
    "Server",
    "Site",
    "SpooledMessage",
    "Subscription",
]
