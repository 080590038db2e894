"""Fuzzing: hostile input for every parser, and generated networks for emission (`make fuzz`)."""
