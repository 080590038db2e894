"""Words for people: grades of formulas, and what is wrong in a function written by hand."""
