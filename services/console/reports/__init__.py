"""Reports as an operator handles them: the catalogue, a preview, a run by hand, the run ledger."""
