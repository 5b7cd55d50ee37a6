"""Persistent sagas: money moved through slow, unreliable outside parties, exactly once, whatever crashes."""
