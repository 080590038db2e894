"""Array statements: lowered from equations, then fused, ordered and given buffers by passes."""
