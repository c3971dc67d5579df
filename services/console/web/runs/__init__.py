"""What the page of report runs shows besides the table's columns."""
