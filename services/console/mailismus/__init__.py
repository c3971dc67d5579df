"""Taking over a Mailismus configuration (seed 4.6.2; ndr-original 1, 2 and 5.4)."""

from services.console.mailismus.document import MailismusUnreadable
from services.console.mailismus.importing import Imported, import_mailismus
from services.console.mailismus.notes import Note, Verdict

__all__ = ["Imported", "MailismusUnreadable", "Note", "Verdict", "import_mailismus"]
