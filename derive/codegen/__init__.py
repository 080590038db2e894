"""From derivations to NumPy source: stable forms, array statements, buffers, emission and audit."""
