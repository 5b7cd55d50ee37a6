"""Unit: bank accounts and ACH."""
