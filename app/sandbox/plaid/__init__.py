"""Plaid: linking bank accounts."""
