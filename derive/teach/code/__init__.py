"""Auditing NumPy code that somebody wrote by hand."""
