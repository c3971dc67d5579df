"""The pages of Mailroom's tables, one file a subject."""
