"""The customer's verbs over the books: accounts, transfers, quotes, linked banks."""
