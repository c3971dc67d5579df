"""What the block of the application said for the reports task, too: it was the default of these."""

from xml.etree.ElementTree import Element

from services.console.mailismus import values
from services.console.mailismus.elements import SYSTEM_NAME
from services.console.mailismus.taken import Taken

_PRODUCT = "%PRODNAME%"
_DEFAULT_TEXT = (
    "This is the %PRODNAME% mailserver at %REPMTA%.\n"
    "Your message could not be delivered - the details are attached."
)


def take_application(taken: Taken, application: Element | None) -> None:
    """Take over announcehost where the block itself names no host, and prodname in the opening words."""
    host = taken.text_within(application, "announcehost")
    if host and host not in (values.NULL, SYSTEM_NAME):
        _take_host(taken, host)
    product = taken.text_within(application, "prodname")
    if product and product != values.NULL:
        text = str(taken.settings.get("ndr_textpart", _DEFAULT_TEXT))
        taken.put("ndr_textpart", text.replace(_PRODUCT, product), "application/prodname")


def _take_host(taken: Taken, host: str) -> None:
    subject = "application/announcehost"
    if "announcemta" not in taken.settings:
        taken.put("announcemta", host, subject)
    if "ndr_from" not in taken.settings:
        _, dot, domain = host.partition(".")
        taken.put("ndr_from", f"postmaster@{domain if dot else host}", subject)
