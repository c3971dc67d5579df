"""The header that carries a trace, as anybody may have written it, and the ids that stand for a trace."""

import re
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.traceparent import Traceparent, parse_traceparent, trace_id_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADER = f"00-{TRACE}-{SPAN}-01"
#: Almost headers: the right parts in the wrong number, order or length.
NEARLY = st.lists(
    st.one_of(
        st.sampled_from(
            [TRACE, SPAN, "00", "01", "ff", "0" * 32, "0" * 16, "", "\u0660\u0660", TRACE.upper()]
        ),
        st.text(max_size=40),
    ),
    max_size=6,
).map("-".join)
ANYTHING = st.one_of(NEARLY, st.text(), st.binary(), st.none(), st.integers(), st.lists(st.text()))


def test_a_header_says_where_the_trace_goes_on() -> None:
    assert parse_traceparent(HEADER) == Traceparent(int(TRACE, 16), int(SPAN, 16), 1)


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 255))
def test_what_is_written_is_read(trace_id: int, span_id: int, flags: int) -> None:
    written = Traceparent(trace_id, span_id, flags)
    assert parse_traceparent(str(written)) == written


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert parse_traceparent(f"01-{TRACE}-{SPAN}-01-what-follows") == parse_traceparent(HEADER)


@pytest.mark.parametrize(
    "header",
    [
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"01-{TRACE}-{SPAN}-01more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f" {HEADER}",
        f"{HEADER}\n",
        HEADER.encode(),
        f"01-{TRACE}-{SPAN}-01-{'x' * 1_000_000}",
    ],
)
def test_what_is_no_header_is_ignored(header: object) -> None:
    assert parse_traceparent(header) is None


@given(ANYTHING)
def test_whatever_comes_gives_a_valid_trace_or_none(header: object) -> None:
    read = parse_traceparent(header)
    if read is not None:
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", str(read))
        assert read.trace_id > 0
        assert read.span_id > 0


@pytest.mark.parametrize("message_id", ["{}", "{}.0", "report.{}", "ndr.{}"])
def test_the_trace_of_a_piece_of_work_is_its_uuid(message_id: str) -> None:
    work = uuid4()
    assert UUID(int=trace_id_of(message_id.format(work))) == work


def test_each_hop_of_a_chain_of_polls_has_a_trace_of_its_own() -> None:
    poll = uuid4()
    hops = [trace_id_of(f"{poll}.{hop}") for hop in range(3)]
    assert len(set(hops)) == 3
    assert hops == [trace_id_of(f"{poll}.{hop}") for hop in range(3)]


@given(st.text())
def test_any_id_stands_for_one_trace(identity: str) -> None:
    assert trace_id_of(identity) == trace_id_of(identity)
    assert 0 < trace_id_of(identity) < 2**128


def test_the_uuid_of_nothing_is_no_trace_but_stands_for_one() -> None:
    assert trace_id_of(str(UUID(int=0))) > 0
