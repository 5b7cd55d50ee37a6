"""Stripe, simulated."""
