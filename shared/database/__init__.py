"""PostgreSQL: connections, named statements and migrations."""
