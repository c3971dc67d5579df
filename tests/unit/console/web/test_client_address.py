from ipaddress import ip_network

import pytest

from services.console.web.access.client_address import client_address

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8::1/128"))


def test_without_proxies_of_ours_nobodys_word_is_taken() -> None:
    assert client_address("203.0.113.7", "198.51.100.1", ()) == "203.0.113.7"


def test_who_is_no_proxy_of_ours_cannot_name_another_address() -> None:
    assert client_address("203.0.113.7", "198.51.100.1", PROXIES) == "203.0.113.7"


@pytest.mark.parametrize(
    ("forwarded_for", "client"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("192.0.2.66, 198.51.100.1", "198.51.100.1"),  # the first was made up by the client
        ("192.0.2.66, 198.51.100.1, 10.0.0.9", "198.51.100.1"),
        ("10.0.0.9", "10.0.0.9"),
        ("", "10.1.2.3"),
        ("unknown", "10.1.2.3"),
        ("198.51.100.1, rubbish", "10.1.2.3"),
        ("2001:DB8:0::5, 2001:db8::1", "2001:db8::5"),
    ],
)
def test_behind_our_proxies_the_client_is_the_nearest_that_is_none(forwarded_for: str, client: str) -> None:
    assert client_address("10.1.2.3", forwarded_for, PROXIES) == client


def test_an_address_is_the_same_however_it_is_written() -> None:
    assert client_address("::ffff:203.0.113.7", "", ()) == "203.0.113.7"
    assert client_address("fe80::1%eth0", "", ()) == "fe80::1"


def test_a_connection_without_an_address_has_none() -> None:
    assert client_address("", "198.51.100.1", PROXIES) is None
