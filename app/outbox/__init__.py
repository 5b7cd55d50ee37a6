"""Notifications out: to the customer's feed, and to the tenant's own endpoints."""
