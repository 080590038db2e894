"""What a user can ask for: architectures, their specification files, and the tables of activations,
layers, losses and optimisers, each entry a forward equation."""
