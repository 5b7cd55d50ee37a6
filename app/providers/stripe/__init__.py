"""Stripe: cards that pay in, and debit cards that are paid out to."""
