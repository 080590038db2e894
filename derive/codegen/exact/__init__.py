"""Exact arithmetic in the place of NumPy, on which the audit runs a module's text, and the specification's truth."""
