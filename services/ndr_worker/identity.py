"""In whose name NDRs are written, derived from the settings."""

from services.ndr_worker.compose import NdrIdentity
from services.ndr_worker.policy import PolicySettings
from shared.settings import Settings

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
    )


def default_from(host_name: str) -> str:
    """Return postmaster@ + the host's name without its first label (seed, `ndr_from`)."""
    _, dot, domain = host_name.partition(".")
    return f"postmaster@{domain if dot else host_name}"


def policy(settings: Settings) -> PolicySettings:
    """Return what the policy needs of the settings."""
    return PolicySettings(
        generate_ndr=settings.ndr.generate_ndr,
        own_addresses=frozenset({settings.ndr.ndr_from or default_from(settings.host_name)}),
        hop_limit=settings.ndr.hop_limit,
    )
