"""Turning a repeated request away early, and answering it as the first time. Losing all of it costs only speed."""
