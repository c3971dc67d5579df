"""The DKIM signature (RFC 6376) put in front of a mail when it is submitted.

The package `dkimpy` is optional, as the extra `dkim`; it is imported when a signature is asked for.
"""

from collections.abc import Callable
from types import ModuleType

import structlog

from shared.errors import MailroomError
from shared.settings.relay import DkimSettings

_log = structlog.get_logger()

#: Header fields that are signed as often as they occur; From once more, so that none can be added.
_SIGNED = (
    *("From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Auto-Submitted"),
)

#: Takes a message of CRLF lines and returns it signed.
Sign = Callable[[bytes], bytes]


class DkimUnusable(MailroomError):
    """Mail can't be signed as the settings ask; the message says what to mend."""


def signing(settings: DkimSettings) -> Sign:
    """Prepare what signs messages, relaxed/relaxed, and try it once.

    Args:
        settings: of which none or all are set.

    Returns:
        A function; without settings it returns each message as it is.

    Raises:
        DkimUnusable: the extra is not installed, or the file can't be read or holds no RSA key.
    """
    if settings.domain is None or settings.selector is None or settings.key_file is None:
        return lambda message: message
    dkim = _dkimpy()
    try:
        key = settings.key_file.read_bytes()
    except OSError as error:
        raise DkimUnusable(
            f"relay.dkim.key_file {settings.key_file} cannot be read ({error.strerror}); let the user"
            " who runs the relay read it, or correct the path"
        ) from error
    domain, selector = settings.domain.encode(), settings.selector.encode()

    def sign(message: bytes) -> bytes:
        header = dkim.DKIM(message)
        header.should_sign = {name.lower().encode() for name in _SIGNED}
        signature: bytes = header.sign(selector, domain, key, canonicalize=(dkim.Relaxed, dkim.Relaxed))
        return signature + message

    try:
        sign(b"From: postmaster\r\n\r\n")
    except Exception as error:
        # whatever dkimpy's parser makes of a file that may be anything
        raise DkimUnusable(
            f"relay.dkim.key_file {settings.key_file} holds no RSA private key in PEM; make one with"
            " openssl genrsa 2048"
        ) from error
    return _signing_what_can_be(sign, dkim)


def _signing_what_can_be(sign: Sign, dkim: ModuleType) -> Sign:
    def sign_or_leave(message: bytes) -> bytes:
        try:
            return sign(message)
        # dkimpy gets an IndexError of a message that begins with a folded line
        except (dkim.DKIMException, IndexError) as error:
            # what has no From, or no header at all, is worth more unsigned than lost
            _log.warning("sent without a signature", action="mail-not-signed", reason=str(error))
            return message

    return sign_or_leave


def _dkimpy() -> ModuleType:
    try:
        import dkim  # noqa: PLC0415 - optional
    except ImportError as error:
        raise DkimUnusable(
            "relay.dkim asks for signatures, and dkimpy is not installed; install mailroom[dkim]"
        ) from error
    module: ModuleType = dkim
    return module
