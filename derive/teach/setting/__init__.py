"""How a formula is set: boxes, and MathML, LaTeX, Unicode and pictures made of them."""
