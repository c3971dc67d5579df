"""In whose name NDRs are written, derived from the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from services.ndr_worker.policy import PolicySettings
from shared.settings import Settings

_log = structlog.get_logger()
_SYSTEM_NAME = "%SYSNAME%"


@dataclass(frozen=True, slots=True)
class NdrIdentity:
    """In whose name and in which words NDRs are written: the `[ndr]` settings that composition needs.

    Attributes:
        announce_mta: Name of this system, for Reporting-MTA, Message-ID and `%REPMTA%`.
        from_address: `address` or `Name <address>`; the address is also the one to ask for help.
        subject: The Subject of an NDR; encoded when it is not ASCII.
        text_part: Opening of an NDR with `%REPMTA%` and `%PRODNAME%`; None for the wording's own.
        product_name: For `%PRODNAME%`.
        attach_limit: Most octets of the original to return; 0 for none.
        fallback_status: Status of a failure of which nothing is known.
        assumed_smtp_status: Reply code of an entry that has none (seed: statuszero); 0: none is assumed.
        redirect: Where every notification goes instead of to the sender, or None.
        eight_bit: Whether NDRs may travel as 8BITMIME; if not, an 8-bit original comes back as its header.
        confidential: Whether to leave out remote servers, log ids and extensions (RFC 3464 section 4.2).
        language: Language of the first part where `languages` says nothing.
        languages: Language by the notification's recipient: an address, a domain, or an ending such as `.fr`.
        templates_path: Folder of further languages, or of own texts for those shipped; or None.
        html: Whether the first part has an HTML alternative.
    """

    announce_mta: str
    from_address: str
    subject: str
    text_part: str | None = None
    product_name: str = "Mailroom"
    attach_limit: int = 4096
    fallback_status: str = "5.0.0"
    assumed_smtp_status: int = 0
    redirect: str | None = None
    eight_bit: bool = False
    confidential: bool = False
    language: str = "en"
    languages: Mapping[str, str] = field(default_factory=dict)
    templates_path: Path | None = None
    html: bool = False


def identity(settings: Settings) -> NdrIdentity:
    """Return what composition needs of the settings (seed 4.6.2: announcemta, ndr_from, ...)."""
    ndr = settings.ndr
    return NdrIdentity(
        announce_mta=ndr.announcemta.replace(_SYSTEM_NAME, settings.host_name),
        from_address=ndr.ndr_from or default_from(settings.host_name),
        subject=ndr.ndr_subject,
        text_part=ndr.ndr_textpart,
        attach_limit=ndr.attachmsg,
        fallback_status=ndr.ndr_status,
        assumed_smtp_status=ndr.statuszero,
        redirect=None if ndr.sink else ndr.ndr_recip_redirect,
        eight_bit=ndr.eight_bit,
        confidential=ndr.confidential,
        language=ndr.language,
        languages=ndr.languages,
        templates_path=Path(ndr.templates_path) if ndr.templates_path else None,
        html=ndr.html,
    )


def default_from(host_name: str) -> str:
    """Return postmaster@ + the host's name without its first label (seed, `ndr_from`)."""
    _, dot, domain = host_name.partition(".")
    return f"postmaster@{domain if dot else host_name}"


def policy(settings: Settings) -> PolicySettings:
    """Return what the policy needs of the settings.

    NDRs that would go to nobody and be kept nowhere are not made (seed, ndr_recip_redirect).
    """
    ndr = settings.ndr
    if ndr.generate_ndr and ndr.goes_nowhere:
        _log.warning(
            "NDR generation is implicitly disabled: the sink, and neither copies nor additional recipients",
            action="ndrs-disabled",
        )
    own = {ndr.ndr_from or default_from(settings.host_name), ndr.double_bounce_to}
    return PolicySettings(
        generate_ndr=ndr.generate_ndr and not ndr.goes_nowhere,
        own_addresses=frozenset(filter(None, own)),
        hop_limit=ndr.hop_limit,
    )
