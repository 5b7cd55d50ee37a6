"""The books: accounts, double-entry transactions, holds, and the one door through which all durable state changes."""
