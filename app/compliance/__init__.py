"""Who may move money, and how we came to know them."""
