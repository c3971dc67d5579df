"""Records kept outside the database: the audit file and the copies folder."""
