"""Formulas as people write them, read into index notation with symbolic shapes under the conventions of their text."""
