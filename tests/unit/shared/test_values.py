"""The value syntax of the seed."""

from datetime import timedelta
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.settings.values import (
    format_time_span,
    parse_address,
    parse_addresses,
    parse_networks,
    parse_size,
    parse_time_span,
    parse_tuple,
    parse_yes_no,
)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("5s", timedelta(seconds=5)),
        ("1m", timedelta(minutes=1)),
        ("2d3h", timedelta(days=2, hours=3)),
        ("2d3h10m59s12", timedelta(days=2, hours=3, minutes=10, seconds=59, milliseconds=12)),
        ("500ms", timedelta(milliseconds=500)),
        ("12", timedelta(milliseconds=12)),
        (12, timedelta(milliseconds=12)),
        ("0", timedelta()),
    ],
)
def test_a_time_span_is_read_as_the_seed_writes_it(text: object, span: timedelta) -> None:
    assert parse_time_span(text) == span


@pytest.mark.parametrize(
    "text", ["", "soon", "1x", "1h2d", "1h2h", "9ms8", "-5s", "1.5s", "5 s", "5S", "99999999999d", True, None]
)
def test_what_is_no_time_span_is_refused_with_the_accepted_form(text: object) -> None:
    with pytest.raises(ValueError, match="write 5s, 1m, 2d3h"):
        parse_time_span(text)


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=9999)))
def test_a_written_time_span_reads_back(span: timedelta) -> None:
    whole = timedelta(milliseconds=round(span / timedelta(milliseconds=1)))
    assert parse_time_span(format_time_span(span)) == whole


@pytest.mark.parametrize(
    ("text", "size"), [("4K", 4096), ("256K", 262144), ("1M", 1048576), ("0", 0), (100, 100), ("7B", 7)]
)
def test_a_size_is_read_with_k_as_1024(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["4k", "4KB", "1.5M", "", "K", "-1", True])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


@pytest.mark.parametrize("text", ["Y", "yes", "TRUE", "t", "on", "1", True])
def test_yes_has_many_spellings(text: object) -> None:
    assert parse_yes_no(text) is True


@pytest.mark.parametrize("text", ["N", "no", "False", "off", "0", False])
def test_no_has_as_many(text: object) -> None:
    assert parse_yes_no(text) is False


@pytest.mark.parametrize("text", ["", "maybe", "yess", "2"])
def test_a_malformed_boolean_is_an_error_and_not_false(text: str) -> None:
    with pytest.raises(ValueError, match="neither yes nor no"):
        parse_yes_no(text)


def test_a_tuple_is_split_at_bars_and_trimmed() -> None:
    assert parse_tuple("| a | b ||c|") == ("a", "b", "c")


@pytest.mark.parametrize(
    "address", ["a@b", "postmaster@mail.example.com", '"john doe"@x.example', "prvs=1=a@b.c"]
)
def test_an_address_is_taken_as_it_is(address: str) -> None:
    assert parse_address(address) == address


@pytest.mark.parametrize(
    "address", ["nobody at home", "a@b@c", "@b", "a@", "a b@c", "<a@b>", "a@b\r\nX: y", "a"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="not a mail address"):
        parse_address(address)


def test_the_address_of_a_list_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="'nobody' is not a mail address"):
        parse_addresses("a@example.com | nobody")


def test_networks_are_addresses_or_ranges_of_them() -> None:
    assert parse_networks("10.0.0.5 | 192.168.0.0/16 | ::1") == (
        ip_network("10.0.0.5/32"),
        ip_network("192.168.0.0/16"),
        ip_network("::1/128"),
    )
    assert parse_networks(["10.0.0.5"]) == (ip_network("10.0.0.5/32"),)


@pytest.mark.parametrize("text", ["proxy.example.com", "10.0.0.5/8", "10.0.0.256"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no IP address or network"):
        parse_networks(text)
