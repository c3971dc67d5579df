"""The names on the broker are the contract's, and every retry finds its way back."""

from datetime import UTC, datetime, timedelta

from shared.broker import MAIL_OUT, Topology
from shared.wire import BouncesPoll

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_the_names_are_those_of_the_contract() -> None:
    topology = Topology()
    assert {exchange.name for exchange in topology.exchanges()} >= {
        "mailroom.commands",
        "mailroom.mail-out",
        "mailroom.retry",
        "mailroom.parked",
        "mailroom.events",
    }
    assert {queue.name for queue in topology.queues()} >= {
        "mailroom.report-commands",
        "mailroom.bounce-commands",
        "mailroom.mail-out",
        "mailroom.parked",
    }
    routes = {(binding.exchange, binding.routing_key): binding.queue for binding in topology.bindings()}
    assert routes["mailroom.commands", "report.run"] == "mailroom.report-commands"
    assert routes["mailroom.commands", "bounces.poll"] == "mailroom.bounce-commands"
    assert routes["mailroom.mail-out", "mail"] == "mailroom.mail-out"


def test_every_queue_is_a_quorum_queue_and_every_work_queue_parks_past_its_delivery_limit() -> None:
    for queue in Topology().queues():
        assert queue.arguments["x-queue-type"] == "quorum"
        if "retry" not in queue.name and "parked" not in queue.name:
            assert queue.arguments["x-delivery-limit"] > 0
            assert queue.arguments["x-dead-letter-exchange"] == "mailroom.parked"


def test_a_prefix_stands_in_front_of_every_name() -> None:
    topology = Topology("other")
    names = [exchange.name for exchange in topology.exchanges()] + [queue.name for queue in topology.queues()]
    assert all(name.startswith("other.") for name in names)


def test_each_retry_waits_in_the_queue_of_its_step_and_comes_back_where_it_came_from() -> None:
    topology = Topology(
        retry_steps=(timedelta(seconds=10), timedelta(minutes=1), timedelta(milliseconds=250))
    )
    routes = {(binding.exchange, binding.routing_key): binding.queue for binding in topology.bindings()}
    queues = {queue.name: queue.arguments for queue in topology.queues()}
    waits = []
    for attempt in (1, 2, 3, 9):
        exchange, key = topology.retry_address(MAIL_OUT, attempt)
        step = queues[routes[exchange, key]]
        waits.append(step["x-message-ttl"])
        assert routes[step["x-dead-letter-exchange"], key] == "mailroom.mail-out"
    assert waits == [10_000, 60_000, 250, 250]


def test_a_message_is_addressed_by_its_type() -> None:
    message = Topology().address(BouncesPoll("p", NOON, 1))
    assert (message.exchange, message.routing_key) == ("mailroom.commands", "bounces.poll")
    assert (message.message_id, message.type) == ("p.1", "bounces.poll/1")
