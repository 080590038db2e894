"""Proofs: formulas of texts, canonical form, lemmas and induction, refutation, certificates."""
