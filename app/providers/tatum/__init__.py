"""Tatum: chains, rates and the queue of the key daemon."""
