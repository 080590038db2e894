"""The network of some layers of another: sizes, activations, and residual connections that still make sense."""

from derive import Architecture

WHOLE = Architecture(
    (2, 3, 3, 3, 3, 1),
    ("tanh", "relu", "sigmoid", "softplus", "identity"),
    layers=[{}, {"residual": True}, {"residual": 2, "dropout": 0.5}, {"residual": True}, {}],
)


def residuals(kept):
    return [options.residual for options in WHOLE.of_layers(kept).layers]


def test_all_layers_are_the_network_itself():
    assert WHOLE.of_layers((1, 2, 3, 4, 5)) == WHOLE


def test_sizes_and_activations_are_those_of_the_layers_that_stay():
    some = WHOLE.of_layers((2, 5))
    assert some.sizes == (2, 3, 1)
    assert [f.name for f in some.activations] == ["relu", "identity"]
    assert WHOLE.of_layers((3,)).layers[0].dropout == 0.5


def test_residual_connections_stay_around_layers_that_follow_each_other():
    assert residuals((1, 2, 5)) == [0, 1, 0]
    assert residuals((1, 2, 3)) == [0, 1, 2]
    assert residuals((2, 3, 4)) == [0, 0, 1]
    assert residuals((1, 3, 4)) == [0, 0, 1]
    assert residuals((1, 4)) == [0, 0]
