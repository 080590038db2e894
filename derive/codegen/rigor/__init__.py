"""Bounds on the rounding error of an emitted module, in ball arithmetic."""
