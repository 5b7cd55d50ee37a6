"""The benchmark: what the ledger and its HTTP edge do a second, beside the plainest way to do the same."""
