"""Values of formulas on exact data: modulo a prime, in fractions, in small integers."""
