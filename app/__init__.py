"""The wallet orchestration backend: one wallet over fiat and crypto."""
