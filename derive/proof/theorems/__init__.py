"""Deciding formulas: canonical form, lemmas and induction, counterexamples, and independent oracles."""
