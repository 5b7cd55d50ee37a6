"""The HTTP resources: one router each, and what they share."""
