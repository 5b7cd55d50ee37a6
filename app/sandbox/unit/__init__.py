"""Unit: accounts, ACH payments and their returns."""
