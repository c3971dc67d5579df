"""The mail relay: SMTP submission with a delivery ledger; permanent failures go back to the bounce queue."""
