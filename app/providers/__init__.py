"""The third parties behind small ports: one folder per vendor, and vendors do not know each other."""
