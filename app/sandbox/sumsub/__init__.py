"""Sumsub: applicants and their reviews."""
