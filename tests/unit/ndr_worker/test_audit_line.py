"""The line of the audit log (ndr-original 5.1 to 5.3), read back by a parser of its own."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ndr_worker.policy import Discard
from services.ndr_worker.records.audit_line import ACTION_WORDS, AuditRecord, audit_line
from shared.settings.values import format_time_span

AT = datetime(2026, 11, 21, 0, 10, 12, 497_000).astimezone()
RECORD = AuditRecord(
    at=AT,
    action="reported",
    message_id=0xFB706BC3,
    entry_id=1,
    ndr_id=None,
    sender="alice@sender.test",
    received_from="192.0.2.7",
    recipient="bob@remote.test",
    smtp_status=550,
    enhanced_status=None,
    diagnostic=None,
    received_at=AT - timedelta(milliseconds=1815),
)
_LAYOUT = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (?P<action>[^;]*?) id=(?P<message_id>[0-9A-F]{8,})-"
    r"(?P<entry_id>\d+); From=(?P<sender>[^ ;]*)(?: via (?P<received_from>[^ ;]+)| src=MTA); "
    r"To=(?P<recipient>[^ ;]*); Status=(?P<smtp_status>\d+) - Transit=(?P<transit>[^ ;]+)"
    r"(?:; NDR=(?P<ndr_id>[^ ;]*))?(?:; Enhanced=(?P<enhanced_status>[^ ;]*))?"
    r'(?:; Diagnostic="(?P<diagnostic>[^";]*)")?'
)
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)")
_SHORT = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}


def read(line: str) -> dict[str, Any]:
    match = _LAYOUT.fullmatch(line)
    assert match, line
    return {
        name: value and _ESCAPE.sub(lambda e: _SHORT.get(e[1]) or chr(int(e[1][1:], 16)), value)
        for name, value in match.groupdict().items()
    }


def line(**changes: Any) -> str:
    return audit_line(replace(RECORD, **changes), dated=True)


def test_the_seeds_lines_are_ours() -> None:
    assert line() == (
        "2026-11-21 00:10:12.497 Bounced Msg id=FB706BC3-1; From=alice@sender.test via 192.0.2.7; "
        "To=bob@remote.test; Status=550 - Transit=1s815ms"
    )
    at = AT.replace(second=22, microsecond=764_000)
    discarded = line(
        at=at,
        action="discarded-null-sender",
        message_id=0xFB709586,
        sender="",
        recipient="secret-victim@third.test",
        smtp_status=554,
        received_at=at - timedelta(milliseconds=864),
    )
    assert discarded == (
        "2026-11-21 00:10:22.764 Discarding bounced NDR id=FB709586-1; From= via 192.0.2.7; "
        "To=secret-victim@third.test; Status=554 - Transit=864ms"
    )


def test_what_the_seed_left_out_stands_behind_its_line() -> None:
    assert line(ndr_id="0190", enhanced_status="5.1.1", diagnostic="550 5.1.1 No such user") == (
        f'{line()}; NDR=0190; Enhanced=5.1.1; Diagnostic="550 5.1.1 No such user"'
    )


def test_mail_the_mta_made_says_so() -> None:
    assert "; From=alice@sender.test src=MTA; To=" in line(received_from=None)


def test_an_unknown_status_is_zero() -> None:
    assert "; Status=0 - " in line(smtp_status=None)


def test_the_date_is_left_out_where_the_files_name_says_it() -> None:
    assert audit_line(RECORD, dated=False) == line().removeprefix("2026-11-21 ")


def test_every_outcome_has_words_of_its_own() -> None:
    assert {action.value for action in Discard} | {"reported", "quarantined"} <= ACTION_WORDS.keys()
    assert len(set(ACTION_WORDS.values())) == len(ACTION_WORDS)
    for action, words in ACTION_WORDS.items():
        assert f" {words} id=" in line(action=action)


def test_an_outcome_without_words_keeps_its_name() -> None:
    assert " discarded-later id=" in line(action="discarded-later")


@pytest.mark.parametrize(
    "forged",
    [
        "a@b; To=c@d; Status=250 - Transit=0ms",
        "a@b\n2026-11-21 00:00:00.000 Bounced Msg id=00000001-1",
        "a@b\r\nx",
        "a@b\x00",
        "a@b via 192.0.2.9",
        'a"@b',
        "a\\x3b@b",
        "a@b\u2028x",
        "a@b\u202ex",
        "a@b\x85x",
        "a@b\ud800",
    ],
)
def test_no_address_forges_a_field_or_a_line(forged: str) -> None:
    written = line(sender=forged)
    assert (read(written)["sender"], written.count("; To="), len(written.splitlines())) == (forged, 1, 1)
    written.encode()


def test_no_diagnostic_forges_a_field() -> None:
    diagnostic = '550 no"; To=victim@third.test; Status=250\r\n550 end\\'
    written = line(diagnostic=diagnostic)
    assert written.endswith(r'Diagnostic="550 no\x22\x3b To=victim@third.test\x3b Status=250\r\n550 end\\"')
    assert read(written)["diagnostic"] == diagnostic


def test_letters_of_every_language_stand_as_they_are() -> None:
    written = line(sender="jürgen@пример.test", diagnostic="550 utilisateur inconnu à Zürich 用户")
    assert "From=jürgen@пример.test via" in written
    assert 'Diagnostic="550 utilisateur inconnu à Zürich 用户"' in written


# Lone surrogates included: they come from undecodable octets.
TEXT = st.text(st.characters(exclude_categories=())) | st.text(' ;"\\\r\n\0\t=vian\u2028\x85')


@given(
    sender=TEXT,
    recipient=TEXT,
    received_from=st.none() | TEXT.filter(bool),
    diagnostic=st.none() | TEXT,
    enhanced_status=st.none() | TEXT,
    ndr_id=st.none() | TEXT,
    action=st.sampled_from(sorted(ACTION_WORDS)) | TEXT,
    message_id=st.integers(0, 2**63 - 1),
    entry_id=st.integers(0, 2**63 - 1),
    smtp_status=st.none() | st.integers(1, 999),
    transit=st.timedeltas(timedelta(-1), timedelta(1000)),
)
def test_any_text_gives_one_line_that_reads_back_as_the_same_values(**values: Any) -> None:
    transit = values.pop("transit")
    written = line(**values, received_at=AT - transit)
    assert len(written.splitlines()) == 1
    assert written.isprintable()
    assert written.encode().decode() == written
    assert read(written) == {
        **values,
        "time": "2026-11-21 00:10:12.497",
        "action": ACTION_WORDS.get(values["action"], values["action"]),
        "message_id": f"{values['message_id']:08X}",
        "entry_id": str(values["entry_id"]),
        "smtp_status": str(values["smtp_status"] or 0),
        "transit": format_time_span(transit),
    }
