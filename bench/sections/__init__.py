"""What is measured: a module each, with ``count`` (how many samples a plan takes) and ``measure`` (the rows)."""
