"""Fuzzing: hostile input for every parser, and generated networks for emission (`make fuzz`)."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported: the cores are for the inputs
