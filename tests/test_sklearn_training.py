"""The scikit-learn estimators in training: weights, schedules, ends of every kind, and what is left after each."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from derive.fitting import Samples, epochs
from derive.model.errors import DeriveError
from derive.sklearn import DerivedClassifier, DerivedRegressor, estimator
from tests.test_sklearn import ESTIMATORS, classes, quick, values

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SIZES = (1, 2, 5, 40)


def data(kind: type) -> tuple[Any, Any]:
    return classes() if kind is DerivedClassifier else values()


def constant(**settings: Any) -> DerivedRegressor:
    """A regressor that learns one number, by plain gradient descent."""
    plain = {"solver": "sgd", "learning_rate_init": 0.05, "max_iter": 400, "n_iter_no_change": 1000, "alpha": 0}
    return DerivedRegressor((), random_state=0, **{**plain, **settings})


def two_groups() -> tuple[Any, Any, Any]:
    """Targets 0 with weight 1 and targets 1 with weight 9, so that the weighted mean is 0.9."""
    return np.zeros((40, 1)), np.r_[np.zeros(20), np.ones(20)], np.r_[np.ones(20), np.full(20, 9.0)]


@pytest.mark.parametrize("size", SIZES)
def test_weights_count_in_batches_of_any_size(size):
    X, y, weights = two_groups()
    new = constant(batch_size=size)
    assert clone(new).fit(X, y, weights).predict([[0.0]])[0] == pytest.approx(0.9, abs=0.01)
    assert abs(clone(new).fit(X, y).predict([[0.0]])[0] - 0.9) > 0.3


@pytest.mark.parametrize("size", SIZES)
def test_the_loss_is_the_weighted_mean_whatever_the_batches(size):
    X, y = values(40)
    weights = np.arange(40.0)
    new = constant(batch_size=size, learning_rate_init=1e-14, max_iter=1, loss="log_cosh")
    fitted = new.fit(X, y, weights)
    errors = np.log(np.cosh(fitted.predict(X) - y))
    assert fitted.loss_ == pytest.approx(np.average(errors, weights=weights), rel=1e-9)
    assert fitted.loss_ != pytest.approx(errors.mean(), rel=1e-2)
    part = clone(new).partial_fit(X, y, weights)
    assert (part.loss_, *part.theta_) == (fitted.loss_, *fitted.theta_)
    whole = clone(new).set_params(solver="lbfgs", tol=1e6).fit(X, y, weights)
    assert whole.loss_ == pytest.approx(fitted.loss_, rel=1e-9)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("weight", [1e308, 5e-324])
def test_weights_as_large_and_as_small_as_floats_are(solver, weight):
    X, y = classes()
    for more in ({}, {"early_stopping": solver != "lbfgs"}):
        plain = quick(DerivedClassifier, solver=solver, **more).fit(X, y)
        weighted = clone(plain).fit(X, y, np.full(len(X), weight))
        np.testing.assert_array_equal(weighted.theta_, plain.theta_)
    assert Samples(X, X, np.array([1e308, 1e308, 0.5e308])).relative == pytest.approx([1.2, 1.2, 0.6])


@pytest.mark.parametrize(
    "schedule",
    ["cosine", {"name": "step", "every": 2, "factor": 0.01}, {"name": "constant", "warm_up": 5}, "invscaling"],
    ids=str,
)
def test_partial_fit_keeps_to_the_schedule(schedule):
    X, y = values()
    new = quick(DerivedRegressor, learning_rate=schedule, learning_rate_init=0.1, batch_size=20, max_iter=6)
    whole, parts, first = new.fit(X, y), clone(new), clone(new)
    for _ in range(6):
        parts.partial_fit(X, y)
        first.fit(X, y)
    np.testing.assert_array_equal(parts.theta_, whole.theta_)
    assert parts.loss_curve_ == whole.loss_curve_
    plain = clone(new).set_params(learning_rate="constant").fit(X, y)
    assert (plain.theta_ != whole.theta_).any()
    for _ in range(3):  # more calls than max_iter: the rate never rises, nor is it 0
        before, rest = parts.theta_, copy.deepcopy(parts).set_params(learning_rate="constant")
        parts.partial_fit(X, y)
        assert (parts.theta_ != before).any()
        assert rest.partial_fit(X, y).n_iter_ == parts.n_iter_ == len(parts.loss_curve_)


def test_lbfgs_that_ends_at_a_nan_is_an_error():
    X, y = classes(2)
    with pytest.raises(ValueError, match="training diverged after 0 iterations"):
        quick(DerivedClassifier, solver="lbfgs", activation="relu").fit(X * 1e155, y)


@pytest.mark.filterwarnings("error")
def test_lbfgs_that_does_not_converge_is_a_warning():
    X, y = values()
    new = DerivedRegressor((), solver="lbfgs", random_state=0).fit(X, y)
    with pytest.warns(ConvergenceWarning, match=r"lbfgs stopped after 2 iterations: STOP: .*ITERATIONS.*; increase"):
        new.set_params(max_iter=2).fit(X, y)
    with pytest.warns(ConvergenceWarning, match=r"lbfgs stopped after 0 iterations: ABNORMAL"):
        new.set_params(max_iter=200).fit(X, y * 1e150)  # a step of the line search is less than a rounding error
    assert np.isfinite(new.predict(X)).all()


@pytest.mark.parametrize("name", ["swish", "prelu"])
def test_trained_constants_are_neither_weights_nor_biases(name):
    X, y = classes()
    fitted = quick(DerivedClassifier, activation=name, hidden_layer_sizes=(4, 5)).fit(X, y)
    assert [W.shape for W in fitted.coefs_] == [(5, 4), (4, 5), (5, 3)]
    assert [b.shape for b in fitted.intercepts_] == [(4,), (5,), (3,)]
    assert len(fitted.theta_) == sum(a.size for a in (*fitted.coefs_, *fitted.intercepts_)) + 2


def held_out(monkeypatch: pytest.MonkeyPatch, X: Any, y: Any) -> list[Any]:
    """The targets of the samples that early stopping holds out."""
    found: list[Any] = []
    split = estimator.train_test_split

    def seen(rows: Any, **settings: Any) -> Any:
        parts = split(rows, **settings)
        found.append(y[parts[1]])
        return parts

    monkeypatch.setattr(estimator, "train_test_split", seen)
    quick(DerivedClassifier, early_stopping=True, validation_fraction=0.5, max_iter=1).fit(X, y)
    return found


@pytest.mark.parametrize("counts", [(90, 10), (90, 6, 4)])
def test_of_every_class_as_large_a_part_is_held_out(counts, monkeypatch):
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(0).standard_normal((len(y), 3))
    (part,) = held_out(monkeypatch, X, y)
    assert np.bincount(part).tolist() == [n // 2 for n in counts]


def test_several_labels_are_held_out_at_random(monkeypatch):
    (part,) = held_out(monkeypatch, *make_multilabel_classification(40, 5, random_state=0))
    assert part.shape == (20, 5)


@pytest.mark.parametrize("counts", [(29, 1), (20, 9, 1)])
def test_a_class_with_one_sample_cannot_be_held_out(counts):
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(0).standard_normal((len(y), 3))
    with pytest.raises(ValueError, match=r"least populated class.* in y ha.* only 1 member"):
        quick(DerivedClassifier, early_stopping=True).fit(X, y)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_first_training_that_diverges_leaves_nothing(kind):
    X, y = data(kind)
    wild = quick(kind, solver="sgd", learning_rate_init=1e308)
    labels = {"classes": np.unique(y)} if kind is DerivedClassifier else {}
    for train in (lambda: wild.fit(X, y), lambda: [wild.partial_fit(X, y, **labels) for _ in range(3)]):
        with pytest.raises(ValueError, match="training diverged"):
            train()
    before = vars(clone(wild))
    wild = clone(wild)
    with pytest.raises(ValueError, match="training diverged"):
        wild.fit(X, y)
    assert vars(wild) == before
    with pytest.raises(NotFittedError):
        wild.predict(X)


def failures(kind: type) -> Iterator[tuple[str, dict[str, Any], Any, str]]:
    """A method, settings and data with which it fails, and what it says."""
    X, y = data(kind)
    for method in ("fit", "partial_fit"):
        yield method, {"learning_rate_init": 1e308, "solver": "sgd"}, (X, y), "training diverged"
        yield method, {"solver": "sgd", "activation": "relu", "alpha": 1.0}, (X * 1e300, y), "training diverged"
        yield method, {"solver": "adm"}, (X, y), "unknown solver 'adm'; did you mean 'adam'"
        yield method, {"hidden_layer_sizes": (7,), "warm_start": True}, (X, y), "start again from a clone"
        yield method, {"warm_start": True}, (X[:, :2], y), "start again from a clone|X has 2 features"
    yield "fit", {}, (X, y, -np.ones(len(X))), "Negative values|has to be >= 0"
    yield "fit", {"initialization": "none"}, (X[:, :2], y), "unknown initialization"
    yield "fit", {"random_state": "no"}, (X[:, :2], y), "cannot be used to seed"
    yield "fit", {"solver": "lbfgs", "activation": "relu"}, (X * 1e200, y), "training diverged"


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_training_that_fails_changes_nothing(kind):
    X, y = data(kind)
    fitted = quick(kind).fit(X, y).partial_fit(X, y)
    twin = pickle.loads(pickle.dumps(fitted))
    usual = fitted.get_params()
    for method, settings, given, message in failures(kind):
        fitted.set_params(**settings)
        with pytest.raises(ValueError, match=message):
            getattr(fitted, method)(*given)
        fitted.set_params(**usual)
        assert fitted.n_features_in_ == X.shape[1]
        assert (fitted.loss_curve_, fitted.n_iter_, fitted.best_loss_) == (twin.loss_curve_, 21, twin.best_loss_)
        np.testing.assert_array_equal(fitted.predict(X), twin.predict(X))
        np.testing.assert_array_equal(fitted.theta_, twin.theta_)
    for one in (fitted, twin):  # optimiser and generator go on where they were
        one.partial_fit(X, y)
    np.testing.assert_array_equal(fitted.theta_, twin.theta_)


def test_layers_that_only_have_as_many_parameters_are_refused():
    X, y = np.ones((20, 1)), np.ones(20)
    fitted = quick(DerivedRegressor, hidden_layer_sizes=(3, 4), warm_start=True).fit(X, y)
    assert len(quick(DerivedRegressor, hidden_layer_sizes=(4, 3)).fit(X, y).theta_) == len(fitted.theta_)
    with pytest.raises(DeriveError, match="start again from a clone"):
        fitted.set_params(hidden_layer_sizes=(4, 3)).fit(X, y)


def interrupted(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Interrupt every training when so many epochs are over, and one more has changed theta."""

    def some(module: Any, theta: Any, *rest: Any, **settings: Any) -> Iterator[float]:
        for done, value in enumerate(epochs(module, theta, *rest, **settings)):
            if done == after:
                raise KeyboardInterrupt
            yield value

    monkeypatch.setattr(estimator, "epochs", some)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_an_interrupted_fit_keeps_the_epochs_that_are_over(kind, monkeypatch):
    X, y = data(kind)
    three, old = quick(kind, max_iter=3).fit(X, y), quick(kind, random_state=1).fit(X, y)
    interrupted(monkeypatch, after=3)
    for new in (quick(kind), clone(old).set_params(random_state=0)):
        with pytest.raises(KeyboardInterrupt):
            new.fit(X, y)
        assert (new.n_iter_, new.loss_curve_, new.loss_) == (3, three.loss_curve_, three.loss_)
        np.testing.assert_array_equal(new.theta_, three.theta_)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_an_interruption_before_that_changes_nothing(kind, monkeypatch):
    X, y = data(kind)
    fitted, new = quick(kind).fit(X, y), quick(kind)
    theta = fitted.theta_.copy()
    interrupted(monkeypatch, after=0)
    for train in (lambda: fitted.fit(X[:, :2], y), lambda: fitted.partial_fit(X, y), lambda: new.fit(X, y)):
        with pytest.raises(KeyboardInterrupt):
            train()
    np.testing.assert_array_equal(fitted.theta_, theta)
    assert fitted.predict(X).shape == y.shape
    with pytest.raises(NotFittedError):
        new.predict(X)


def test_partial_fit_after_another_solver():
    X, y = values()
    fitted = quick(DerivedRegressor, solver="lbfgs", max_iter=5).fit(X, y)
    lower = fitted.loss_
    fitted.set_params(solver="adam").partial_fit(X, y)
    assert fitted.loss_curve_ == [fitted.loss_] == [pytest.approx(lower)]
    assert (fitted.n_iter_, fitted.best_loss_) == (1, fitted.loss_)


def test_nothing_is_left_of_an_earlier_fit():
    X, y = values()
    stopping = {"validation_scores_", "best_validation_score_"}
    curve = {"loss_curve_", "best_loss_"}
    fitted = quick(DerivedRegressor, early_stopping=True).fit(X, y)
    assert set(vars(fitted)) >= stopping | curve
    fitted.set_params(early_stopping=False).fit(X, y)
    assert set(vars(fitted)) & (stopping | curve) == curve
    fitted.set_params(solver="lbfgs").fit(X, y)
    assert not set(vars(fitted)) & (stopping | curve)
    assert {"loss_", "n_iter_"} <= set(vars(fitted))


DATES = np.array(["1970-01-02", "1970-01-03", "NaT", "1970-01-05"], "M8[D]")
ROWS = [np.ma.masked_equal([1.0, 999.0], 999.0), np.ma.array([2.0, 3.0]), np.ma.array([3.0, 1.0])]


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.arange(4.0)[:, None], DATES, r"y has dtype datetime64\[D\]; expected real numbers"),
        (np.arange(4.0)[:, None], list(DATES), r"y has dtype datetime64\[D\]"),
        (np.arange(4.0)[:, None], DATES - DATES[0], r"y has dtype timedelta64\[D\]"),
        (np.arange(4.0)[:, None], np.stack([DATES, DATES], 1), r"y has dtype datetime64\[D\]"),
        (DATES[:, None], np.arange(4.0), r"X has dtype datetime64\[D\]"),
        (ROWS, [1.0, 2.0, 3.0], "X is a masked array with entries missing"),
    ],
)
def test_dates_and_masked_rows_are_no_numbers(method: str, X: Any, y: Any, message: str) -> None:
    with pytest.raises(DeriveError, match=message):
        getattr(DerivedRegressor((), random_state=0), method)(X, y)


def test_dates_and_masked_rows_are_not_predicted_from() -> None:
    line = DerivedRegressor((), solver="lbfgs", random_state=0).fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    with pytest.raises(DeriveError, match="X has dtype"):
        line.predict(DATES[:, None])
    with pytest.raises(DeriveError, match="X is a masked array"):
        line.predict([np.ma.masked_equal([1.0], 1.0)])


def test_dates_may_be_classes() -> None:
    found = DerivedClassifier((), solver="lbfgs", random_state=0).fit(np.arange(4.0)[:, None], DATES[[0, 0, 3, 3]])
    assert found.predict([[0.0]])[0] == DATES[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_iter": 3, "learning_rate": {"name": "constant", "warm_up": 50}}, "max_iter is 3; expected at least 50"),
        ({"learning_rate_init": 10**400}, "learning_rate_init is .*; expected a positive, finite number"),
        ({"alpha": 1e100}, r"alpha is 1e\+100; expected a number of at least 0, below 1e\+100"),
        ({"solver": "lbfg"}, "unknown solver 'lbfg'; did you mean 'lbfgs'"),
        ({"solver": {"name": "lbfgs"}}, "expected 'lbfgs' by itself"),
    ],
)
def test_settings_that_cannot_be_used(settings: dict[str, Any], message: str) -> None:
    estimator = DerivedRegressor((3,), random_state=0, **settings)
    with pytest.raises(DeriveError, match=message):
        estimator.fit(np.arange(4.0)[:, None], np.arange(4.0))
    assert not hasattr(estimator, "theta_")
