"""The report worker: from a `report.run` command to one finished mail in mail-out."""
