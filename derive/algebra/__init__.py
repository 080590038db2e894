"""Programs in index notation and their calculus: forward equations, reverse sweep, exact evaluation."""
