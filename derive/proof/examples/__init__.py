"""Worked examples, and the slips that they cannot reveal."""
