"""What people read: lessons, grading, and code and formulas that somebody wrote by hand."""
