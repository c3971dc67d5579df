"""The last look at a composed NDR."""

from services.ndr_worker.composition.verify import defects
from tests.unit.ndr_worker.builders import compose, failed, parse

GOOD = compose().message


def test_a_composed_notification_passes() -> None:
    assert defects(GOOD, 1) is None
    assert defects(compose(failed(), failed(entry_id=4)).message, 2) is None


def test_another_number_of_recipients_does_not() -> None:
    assert defects(GOOD, 2) == "other than 2 recipient blocks"
    forged = GOOD.replace(b"Action: failed", b"final-recipient: rfc822; victim@x.test\r\nAction: failed")
    assert defects(forged, 1) == "other than 1 recipient blocks"


def test_bare_line_ends_nul_and_long_lines_do_not() -> None:
    assert defects(GOOD.replace(b"Hello", b"He\rllo"), 1) == "a bare CR or LF"
    assert defects(GOOD.replace(b"Hello", b"He\nllo"), 1) == "a bare CR or LF"
    assert defects(GOOD.replace(b"Hello", b"He\0llo"), 1) == "a NUL"
    assert defects(GOOD.replace(b"Hello", b"x" * 999), 1) == "a line longer than 998 octets"


def test_a_broken_structure_does_not() -> None:
    boundary = str(parse(compose()).get_boundary()).encode()
    assert defects(GOOD.replace(b"--" + boundary + b"--", b""), 1) == "no closing delimiter"
    assert defects(b"Subject: x\r\n\r\nbody\r\n", 1) == "no multipart/report header"
    assert defects(GOOD.replace(b"message/delivery-status", b"text/plain"), 1) == (
        "no delivery-status part in second place"
    )
    assert defects(GOOD.replace(b"see you", b"see\r\n--" + boundary), 1) == "4 parts, neither 2 nor 3"
