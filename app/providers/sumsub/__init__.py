"""Sumsub: who a person is."""
