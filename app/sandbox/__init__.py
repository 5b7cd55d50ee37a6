"""Simulators of the third parties: a process of its own, with its own book, clock and fault dial."""
