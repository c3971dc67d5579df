"""The scheduler: finds what is due, claims it with a row, and publishes its commands."""
