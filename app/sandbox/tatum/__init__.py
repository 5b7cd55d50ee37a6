"""Tatum: rates, fees, chain sends through KMS, and the KMS daemon itself."""
