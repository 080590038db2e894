"""Functions of one variable in the forms that modules compute them in: stable, precise, from the cached output."""
