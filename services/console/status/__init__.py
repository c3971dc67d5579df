"""How Mailroom does at this moment: from the database, from the broker, and what wants attention."""
