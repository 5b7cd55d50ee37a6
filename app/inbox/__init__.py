"""Webhooks in: kept durably before the vendor hears 200, and worked off in our own time."""
