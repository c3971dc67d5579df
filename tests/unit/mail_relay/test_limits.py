from datetime import timedelta

import pytest

from services.mail_relay.limits import domain_of, may_go, wait_for_place


@pytest.mark.parametrize(
    ("recipient", "domain"),
    [
        ("ann@Example.ORG", "example.org"),
        ('"a@b"@example.org', "example.org"),
        ("postmaster", ""),
        ("ann@bücher.example", "bücher.example"),
    ],
)
def test_a_destination_is_what_stands_behind_the_last_at_sign(recipient: str, domain: str) -> None:
    assert domain_of(recipient) == domain


@pytest.mark.parametrize(
    ("seconds", "goes"), [(None, False), (-301, False), (-299, True), (0, True), (10, True), (11, False)]
)
def test_a_turn_may_be_taken_a_little_early_and_is_lost_when_it_is_long_past(
    seconds: int | None, goes: object
) -> None:
    assert may_go(None if seconds is None else timedelta(seconds=seconds)) is goes


def test_a_mail_asks_for_a_place_less_often_the_longer_it_has_waited() -> None:
    ages = [timedelta(seconds=seconds) for seconds in (-5, 0, 60, 3600)]
    assert [wait_for_place(age, 0).total_seconds() for age in ages] == [5, 5, 30, 300]
    assert wait_for_place(ages[0], 1).total_seconds() == 10
