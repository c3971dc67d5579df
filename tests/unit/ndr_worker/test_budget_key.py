"""Under which address an NDR is counted."""

import pytest

from services.ndr_worker.queue.budget import budget_key


@pytest.mark.parametrize(
    "sender",
    [
        "alice@example.com",
        "Alice@Example.COM",
        "alice+newsletter@example.com",
        "prvs=2317a4c5e8=alice@example.com",
        "SRS0=HHH=TT=example.com=alice@forwarder.example",
        "SRS1=KKK=other.example==HHH=TT=example.com=alice@forwarder.example",
        "@relay.example:alice@example.com",
        "alice+bob=example.org@example.com",
    ],
)
def test_15_every_tagged_form_of_a_sender_counts_as_one(sender: str) -> None:
    assert budget_key(sender) == "alice@example.com"


def test_an_odd_sender_counts_as_itself() -> None:
    assert budget_key("+@example.com") == "+@example.com"
    assert budget_key("srs0=x@example.com") == "srs0=x@example.com"
