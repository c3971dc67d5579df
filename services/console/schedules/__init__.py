"""The schedules as an operator sees and changes them, and what one of them will do."""
