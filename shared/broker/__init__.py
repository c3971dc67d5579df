"""RabbitMQ: the topology, a publisher with a window of unconfirmed publishes, a consumer."""

from shared.broker.message import Message, Outcome, Outgoing, Publishing
from shared.broker.topology import BOUNCE_COMMANDS, MAIL_OUT, REPORT_COMMANDS, Topology

__all__ = [
    "BOUNCE_COMMANDS",
    "MAIL_OUT",
    "REPORT_COMMANDS",
    "Message",
    "Outcome",
    "Outgoing",
    "Publishing",
    "Topology",
]
