"""Exercise sheets: questions, right and slipped answers, hints, and what a class answered."""
