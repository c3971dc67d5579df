"""Publishing so that the trace goes on where the messages arrive."""

from collections.abc import Sequence
from dataclasses import replace

from shared.broker.message import Outcome, Outgoing, Publishing
from shared.telemetry import tracing
from shared.telemetry.span import Span
from shared.telemetry.traceparent import TRACEPARENT

#: Messages of one publish that have a step of their own; further ones follow from the step that they share.
_MOST_STEPS = 128


def send(
    publisher: Publishing, messages: Sequence[Outgoing], parents: Sequence[Span] | None = None
) -> list[Outcome]:
    """Publish; where traces are collected, each message carries the traceparent of its own publishing.

    Args:
        publisher: to the broker.
        messages: all are published at once.
        parents: what each of them follows from; default: the current step of the current trace.
    """
    if not tracing.active():
        return publisher.publish(list(messages))
    above = parents or [tracing.current()] * len(messages)
    steps = [
        tracing.publishing(message.routing_key, message.message_id, parent)
        if number < _MOST_STEPS
        else parent
        for number, (message, parent) in enumerate(zip(messages, above, strict=True))
    ]
    own = steps[:_MOST_STEPS]
    try:
        outcomes = publisher.publish([_stamped(*pair) for pair in zip(messages, steps, strict=True)])
        for step, outcome in zip(own, outcomes, strict=False):
            step.note(outcome=outcome.value)
    finally:
        for step in own:
            step.end()
    return outcomes


def _stamped(message: Outgoing, step: Span) -> Outgoing:
    """The message with the header; one outside any trace stays as it is."""
    if step.traceparent is None:
        return message
    return replace(message, headers={**message.headers, TRACEPARENT: step.traceparent})
