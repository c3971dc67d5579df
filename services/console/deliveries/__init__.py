"""The delivery ledger as an operator looks at it, and what becomes of deliveries that are held."""
