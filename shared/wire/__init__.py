"""The messages that travel through RabbitMQ: four schemas, versioned, strict when read.

A body is a msgpack map; the AMQP property `type` names schema and version. A reader accepts keys it does not
know (a newer writer may add some) and refuses a missing or ill-typed one by name.
"""

from shared.wire.bounces_poll import BouncesPoll
from shared.wire.event import Event
from shared.wire.fields import WireError
from shared.wire.mail import Mail, MessageRef
from shared.wire.report_run import ReportRun

__all__ = ["BouncesPoll", "Event", "Mail", "MessageRef", "ReportRun", "WireError"]
