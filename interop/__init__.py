"""Tests with packages that are too large for `make test`: run by `make interop`, which installs them."""
