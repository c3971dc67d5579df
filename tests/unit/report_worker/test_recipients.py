from email.utils import parseaddr

from hypothesis import given
from hypothesis import strategies as st

from services.report_worker.recipients import Mailbox, parse_mailbox, parse_recipients


def test_addresses_come_with_and_without_display_names_and_with_any_separator() -> None:
    recipients = parse_recipients(
        '"Ops, night" <ops@example.com>, boss@example.com; Duty <duty@example.com>\n'
    )
    assert recipients.mailboxes == (
        Mailbox("ops@example.com", "Ops, night"),
        Mailbox("boss@example.com"),
        Mailbox("duty@example.com", "Duty"),
    )
    assert recipients.malformed == ()


def test_an_address_given_twice_counts_once_whatever_its_case() -> None:
    assert len(parse_recipients("ops@example.com, Ops <OPS@Example.com>").mailboxes) == 1


def test_malformed_entries_are_named_and_the_good_ones_served() -> None:
    recipients = parse_recipients("nonsense, ops@example.com, a@b..c, @example.com, x y@example.com,,")
    assert [mailbox.address for mailbox in recipients.mailboxes] == ["ops@example.com"]
    assert recipients.malformed == ("nonsense", "a@b..c", "@example.com", "x y@example.com")


def test_a_line_end_in_a_display_name_makes_the_entry_malformed() -> None:
    recipients = parse_recipients('"Ops\r\nBcc: eve@example.com" <ops@example.com>')
    assert recipients.mailboxes == ()
    assert len(recipients.malformed) == 1


@given(st.text())
def test_whatever_is_typed_no_control_character_or_odd_address_passes(text: str) -> None:
    for mailbox in parse_recipients(text).mailboxes:
        assert mailbox.address.isascii()
        assert mailbox.address.isprintable()
        assert not any(character in mailbox.address + mailbox.name for character in "\r\n\0")
        assert parseaddr(mailbox.address) == ("", mailbox.address)


@given(st.from_regex(r"[a-z]{1,9}(\.[a-z]{1,9})?@[a-z]{1,9}\.[a-z]{2,9}", fullmatch=True))
def test_ordinary_addresses_pass(address: str) -> None:
    assert parse_mailbox(address) == Mailbox(address)
