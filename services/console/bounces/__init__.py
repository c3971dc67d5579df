"""What an operator does with the bounce queue: look, add, put back, discard, and ask why."""
