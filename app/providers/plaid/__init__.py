"""Plaid: linking a customer's bank account."""
