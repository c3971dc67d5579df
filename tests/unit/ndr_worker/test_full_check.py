"""The full parse of a composed notification."""

import builtins
import sys
from typing import Any

import pytest

from services.ndr_worker.bounce import Action
from services.ndr_worker.composition.full_check import VerifierMissing, full_check
from tests.unit.ndr_worker.builders import bounced, compose, failed

BOB = "bob@remote.test"


@pytest.mark.parametrize(
    "recipient",
    [
        BOB,
        '"a;b"@x.test',
        "a=b@x.test",
        "j\u00f6rg@x.test",
        '""@x.test',
        "bob",
        "b(c)@x.test",
        "o'neil@x.test",
    ],
)
@pytest.mark.parametrize("orcpt", [None, "rfc822;first@list.test", "rfc822;a+3Db@list.test", "x400;abc"])
@pytest.mark.parametrize("sender", ["alice@sender.test", "\u00e4@sender.test"])
def test_every_composed_notification_passes(recipient: str, orcpt: str | None, sender: str) -> None:
    entries = (failed(recipient=recipient, original_recipient=orcpt), failed(recipient="carol@x.test"))
    for action in Action:
        ndr = compose(*entries, action=action, message=bounced(sender=sender))
        assert full_check(ndr.message, [recipient, "carol@x.test"]) is None


def test_notifications_with_html_pass() -> None:
    assert full_check(compose(html=True, language="fr").message, [BOB]) is None


def test_an_original_that_breaks_parsers_breaks_no_check() -> None:
    hostile = (
        b"From: a@b.test\r\nContent-Type: text/plain; charset=a%00b\r\n\r\nuser unknown: <eve@x.test>\r\n"
    )
    for recipient in ("j\u00f6rg@x.test", '"a;b"@x.test', BOB):
        ndr = compose(failed(recipient=recipient), message=bounced(hostile + b"\xe9\r\n"), eight_bit=True)
        assert full_check(ndr.message, [recipient]) is None


def test_other_recipients_do_not_pass() -> None:
    message = compose().message
    assert "not ['rfc822; eve@x.test']" in str(full_check(message, ["eve@x.test"]))
    assert full_check(message, []) == "other than 0 recipient blocks"


def test_what_the_email_package_finds_defective_does_not_pass() -> None:
    message = compose().message.replace(b"Content-Description: Non-Delivery Not", b"no field\r\nX: ")
    assert "email package finds defects" in str(full_check(message, [BOB]))


def test_recipients_that_flufl_sees_otherwise_do_not_pass() -> None:
    returned = b"Content-Type: message/rfc822\r\n\r\n"
    second_report = (
        b"Content-Type: message/delivery-status\r\n\r\nX: y\r\n\r\n"
        b"Final-Recipient: rfc822; eve@x.test\r\nAction: failed\r\n\r\n"
    )
    forged = compose().message.replace(returned, second_report)
    assert "flufl.bounce sees ['bob@remote.test', 'eve@x.test']" in str(full_check(forged, [BOB]))


def test_without_flufl_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("flufl"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "flufl.bounce", raising=False)
    with pytest.raises(VerifierMissing, match=r"mailroom\[verify\]"):
        full_check(compose().message, [BOB])
