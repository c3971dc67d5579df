"""What a list of recipients says more than once."""

from collections import Counter
from email.utils import getaddresses


def repeated(emails_list: str) -> tuple[str, ...]:
    """Return the addresses that a list has more than once, compared without case, in its order."""
    addresses = [address for _, address in getaddresses([emails_list.replace(";", ",")]) if address]
    counts = Counter(address.lower() for address in addresses)
    return tuple(address for address, count in counts.items() if count > 1)
