"""What the page of schedules shows besides the table's columns."""
