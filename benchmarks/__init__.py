"""Measurements: figures that are printed, and that fail when they are missed."""
