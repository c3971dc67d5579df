"""In whose name NDRs are written, derived from the settings."""

from pathlib import Path

import structlog

from services.ndr_worker.composition.compose import NdrIdentity
from services.ndr_worker.policy import PolicySettings
from shared.settings import Settings

_log = structlog.get_logger()
_SYSTEM_NAME = "%SYSNAME%"


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
