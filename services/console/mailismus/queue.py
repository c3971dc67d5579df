"""What the queue blocks said for the reports task: how much it took at once, and how long things stayed."""

from collections.abc import Sequence
from datetime import timedelta
from xml.etree.ElementTree import Element

from services.console.mailismus import values
from services.console.mailismus.taken import Taken
from shared.settings.ndr import NdrSettings
from shared.settings.values import format_time_span, parse_time_span

_MAXTIME = timedelta(hours=72)
#: An NDR in Mailismus' own queue was given up after this at the latest (retry_maxtime_reports).
_REPORTS_MAXTIME = timedelta(hours=24)
_PRUNE_GRACE = timedelta(days=7)


def take_queue(taken: Taken, queues: Sequence[Element]) -> None:
    """Take over the settings of the queue that the reports task used."""
    queue = _used(taken, queues)
    if queue is None:
        return
    if limit := taken.text_within(queue, "maxmemoryqueue"):
        taken.convert("maxmemoryqueue", limit, values.size, f"{queue.tag}/maxmemoryqueue")
    _take_times(taken, queue)


def _used(taken: Taken, queues: Sequence[Element]) -> Element | None:
    """The queue of the reports task: `queue_<its name>` if there is one, else the common one."""
    by_name = {queue.tag: queue for queue in queues}
    own = [name for name in by_name if "report" in name.lower()]
    if len(own) > 1:
        taken.leave_out(
            " and ".join(own),
            "both may be the queue of the reports task",
            "Set maxmemoryqueue and retry_maxtime by hand.",
        )
        return None
    return by_name.get(own[0] if own else "queue")


def _take_times(taken: Taken, queue: Element) -> None:
    names = ("retry_maxtime", "retry_maxtime_reports", "prune_graceperiod")
    texts = {name: taken.text_within(queue, name) for name in names}
    if not any(texts.values()):
        return
    spans = {name: _span(taken, f"{queue.tag}/{name}", text) for name, text in texts.items()}
    longest = spans["retry_maxtime"] or _MAXTIME
    lifetime = spans["retry_maxtime_reports"] or min(longest, _REPORTS_MAXTIME)
    try:
        prune_after = longest + (spans["prune_graceperiod"] or _PRUNE_GRACE)
    except OverflowError:
        taken.leave_out(
            queue.tag,
            "its retry_maxtime and prune_graceperiod together are longer than a million years",
            "Set retry_maxtime, lifetime and prune_after by hand.",
        )
        return
    for name, span in (("retry_maxtime", longest), ("lifetime", lifetime), ("prune_after", prune_after)):
        if span != NdrSettings.model_fields[name].default:
            taken.put(name, format_time_span(span), queue.tag)


def _span(taken: Taken, subject: str, text: str | None) -> timedelta | None:
    if text is None:
        return None
    try:
        return parse_time_span(values.time_span(text))
    except values.Malformed as error:
        taken.leave_out(subject, f"{text!r} {error}")
        return None
