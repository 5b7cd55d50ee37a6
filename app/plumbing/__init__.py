"""Pipes without business words: the drivers' clients, collections, logging, embedded servers."""
