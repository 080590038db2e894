"""The scikit-learn estimators: settings and data that are refused, with what came and what was expected."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_multilabel_classification
from sklearn.model_selection import GridSearchCV

from derive.model.errors import DeriveError
from derive.sklearn import DerivedClassifier, DerivedRegressor
from derive.sklearn.settings import NUMBERS, checked
from tests.test_sklearn import ESTIMATORS, classes, quick, values

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

COUNTS = ("max_iter", "n_iter_no_change", "max_fun", "batch_size")
NO_COUNT = (None, "5", np.nan, np.inf, True, 0, -1, 5.5, 5j, [5], np.array(5))
NO_NUMBER = (None, "a", np.nan, np.inf, -np.inf, -1, True, 1j, [0.1], np.array([0.1]), np.array(0.1))


def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it an error that anything is trained, or that data are looked at."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("came too far")

    for name in ("epochs", "minimized", "validate_data"):
        monkeypatch.setattr(f"derive.sklearn.estimator.{name}", refuse)


def test_what_is_refused_is_refused_before_anything_runs(monkeypatch):
    """A control for the tests below."""
    untrained(monkeypatch)
    with pytest.raises(AssertionError, match="came too far"):
        quick(DerivedRegressor).fit(*values())


@pytest.mark.parametrize("value", NO_COUNT, ids=repr)
@pytest.mark.parametrize("name", COUNTS)
def test_what_is_no_count(name, value, monkeypatch):
    untrained(monkeypatch)
    with pytest.raises(DeriveError, match=rf"^{name} is .*; expected ('auto' or )?a whole number of at least 1$"):
        quick(DerivedRegressor, **{name: value}).fit(*values())


@pytest.mark.parametrize("value", NO_NUMBER, ids=repr)
@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_number(name, value, monkeypatch):
    untrained(monkeypatch)
    with pytest.raises(DeriveError, match=f"^{name} is .*; expected {re.escape(NUMBERS[name][0])}$"):
        quick(DerivedRegressor, **{name: value}).fit(*values())


@pytest.mark.parametrize("value", [None, "no", 0, 1, 1.0, []], ids=repr)
@pytest.mark.parametrize("name", ["warm_start", "early_stopping"])
def test_what_is_no_flag(name, value):
    with pytest.raises(DeriveError, match=f"^{name} is .*; expected True or False$"):
        quick(DerivedRegressor, **{name: value}).fit(*values())


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ("64", "'64'; expected a list"),
        (b"64", "b'64'; expected a list"),
        ((5.7,), r"\[0\] is 5.7; expected a whole number"),
        (5.7, "5.7; expected a whole number"),
        (True, "True; expected a list"),
        ((4, True), r"\[1\] is True"),
        (None, "None; expected a list"),
        ({4: 1}, r"\{4: 1\}; expected a list"),
        ({4}, r"\{4\}; expected a list"),
        (iter([4]), "list_iterator .*; expected a list"),
        (((4,),), r"\[0\] is \(4,\)"),
        (np.array(5), r"array\(5\); expected a list"),
        ((10**8,), "from 1 to 10000000"),
    ],
)
def test_sizes_that_would_be_misread(sizes, message):
    with pytest.raises(DeriveError, match=r"^hidden_layer_sizes.*" + message):
        quick(DerivedRegressor, hidden_layer_sizes=sizes).fit(*values())


@pytest.mark.parametrize("value", [None, 5, {"name": "elu", "alpha": 0.5}, {"tanh"}, iter(["tanh"])])
def test_activations_that_would_be_misread(value):
    with pytest.raises(DeriveError, match=r"^activation is .*; expected a name, or a list with one"):
        quick(DerivedRegressor, activation=value).fit(*values())


def test_numbers_of_any_kind_are_taken():
    given = quick(DerivedRegressor, max_iter=5.0, batch_size=np.float64(7), n_iter_no_change=np.int8(3), max_fun=9.0)
    given.set_params(hidden_layer_sizes=np.array([5, 4]), alpha=np.float32(0.5), tol=0, early_stopping=np.False_)
    settings = checked(given)
    counts = (settings.max_iter, settings.batch_size, settings.n_iter_no_change, settings.max_fun, *settings.hidden)
    assert counts == (5, 7, 3, 9, 5, 4)
    assert {type(count) for count in counts} == {int}
    assert (settings.alpha, settings.tol, settings.early_stopping) == (0.5, 0.0, False)
    plain = quick(DerivedRegressor, hidden_layer_sizes=(5, 4), max_iter=5, batch_size=7, n_iter_no_change=3, alpha=0.5)
    X, y = values()
    np.testing.assert_array_equal(given.fit(X, y).theta_, plain.set_params(tol=0).fit(X, y).theta_)
    assert given.n_iter_ == 5
    assert quick(DerivedRegressor, max_iter=np.float64(3), solver="lbfgs").fit(X, y).n_iter_ == 3


def test_a_search_over_arrays():
    X, y = values(30)
    grid = {"clip": np.array([1, 2]), "max_iter": np.arange(2, 4), "batch_size": np.array([10.0, 20.0])}
    assert GridSearchCV(quick(DerivedRegressor), grid, cv=2, error_score="raise").fit(X, y).best_params_["clip"] in (
        1,
        2,
    )


@pytest.mark.parametrize("delta", [-1, 0])
def test_a_loss_without_a_minimum(delta):
    with pytest.raises(DeriveError, match="delta has to be positive"):
        quick(DerivedRegressor, loss={"name": "huber", "delta": delta}).fit(*values())


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_what_lies_beneath_a_mask_is_not_used(kind, solver):
    X, y = classes(2) if kind is DerivedClassifier else values()
    new, mask = quick(kind, solver=solver), np.arange(len(X)) == 0
    hidden = np.ma.masked_equal(X, X[0, 0])
    with pytest.raises(DeriveError, match=r"^X is a masked array with entries missing; expected a number in every"):
        new.fit(hidden, y)
    with pytest.raises(DeriveError, match=r"^y is a masked array"):
        new.fit(X, np.ma.array(y, mask=mask))
    with pytest.raises(DeriveError, match=r"^sample_weight is a masked array"):
        new.fit(X, y, np.ma.array(np.ones(len(X)), mask=mask))
    new.fit(np.ma.array(X), y)  # a mask that hides nothing
    with pytest.raises(DeriveError, match=r"^X is a masked array"):
        new.predict(hidden)
    np.testing.assert_array_equal(new.predict(np.ma.array(X)), new.predict(X))


@pytest.mark.parametrize("given", [[], [["ash"], ["beech"]], 3, "ash", [0.0, 1.0, np.nan]], ids=repr)
def test_classes_that_are_no_list(given):
    X, y = classes()
    with pytest.raises(DeriveError, match=r"^classes is .*; expected a list of all the labels that will come$"):
        quick(DerivedClassifier).partial_fit(X, y, classes=given)


def test_one_label_and_several_do_not_mix():
    X, Y = make_multilabel_classification(60, 5, n_classes=3, random_state=0)
    y = Y.sum(axis=1) % 3
    several = quick(DerivedClassifier, warm_start=True).partial_fit(X, Y)
    one = quick(DerivedClassifier, warm_start=True).partial_fit(X, y, classes=[0, 1, 2])
    for train in (several.partial_fit, several.fit):
        with pytest.raises(DeriveError, match=r"^y holds one label for each sample, but several labels .* came before"):
            train(X, y)
    for train in (one.partial_fit, one.fit):
        with pytest.raises(DeriveError, match=r"^y holds several labels .*, but one label for each sample came before"):
            train(X, Y)
    with pytest.raises(DeriveError, match=r"^y has 2 labels for each sample, but 3 came before"):
        several.partial_fit(X, Y[:, :2])
    several.partial_fit(X, Y)
    one.partial_fit(X, y)


def test_targets_of_another_shape():
    X, y = values()
    with pytest.raises(
        DeriveError, match=r"^y has shape \(80, 2\), but one of shape \(N,\) came before; give the same"
    ):
        quick(DerivedRegressor).partial_fit(X, y).partial_fit(X, np.c_[y, y])
