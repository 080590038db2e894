"""Answers: what a learner wrote, what is right, what slips make of it, and which of these an answer is."""
