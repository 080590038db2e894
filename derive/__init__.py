"""derive: from a layer's equation on the blackboard to its proved gradient and an audited NumPy module."""

__version__ = "0.1.0"
