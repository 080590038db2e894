"""The scikit-learn estimators: its own checks, its tools around them, its networks as the truth."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelBinarizer, StandardScaler
from sklearn.utils.estimator_checks import check_estimator, check_sample_weight_equivalence_on_dense_data

from derive import audit
from derive.model.errors import DeriveError
from derive.sklearn import DerivedClassifier, DerivedRegressor

ESTIMATORS = (DerivedClassifier, DerivedRegressor)
NOT_RUN = {
    "check_array_api_input",
    "check_sample_weights_pandas_series",
    "check_classifier_data_not_an_array",
    "check_regressor_data_not_an_array",
    "check_classifiers_multilabel_output_format_decision_function",
}
"""What scikit-learn leaves out for MLPClassifier and MLPRegressor too: what needs the array API or pandas, which
are not here (`make interop` has pandas), and a decision_function, which neither has."""


def classes(n: int = 3, samples: int = 90) -> tuple[Any, Any]:
    X, y = make_classification(samples, 5, n_informative=4, n_redundant=0, n_classes=n, random_state=0)
    return X, np.array(["ash", "beech", "cedar"])[y]


def values(samples: int = 80, outputs: int = 1) -> tuple[Any, Any]:
    X, y = make_regression(samples, 4, n_targets=outputs, random_state=0)
    return X, y / np.abs(y).max()


def quick(kind: type, **rest: Any) -> Any:
    return kind(**{"hidden_layer_sizes": (6,), "activation": "tanh", "random_state": 0, "max_iter": 20, **rest})


@pytest.fixture
def unfinished():
    """Trainings that are shorter than they should be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_scikit_learns_own_checks(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(kind(), on_fail=None, on_skip=None)
    assert len(results) >= 50
    assert {r["check_name"]: repr(r["exception"]) for r in results if r["status"] not in ("passed", "skipped")} == {}
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= NOT_RUN


class Unweighted(DerivedRegressor):
    """A planted fault: weights are ignored."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        return super().fit(X, y)


def test_the_checks_find_a_planted_fault(unfinished):
    check_sample_weight_equivalence_on_dense_data("right", quick(DerivedRegressor))
    with pytest.raises(AssertionError, match="sample_weight"):
        check_sample_weight_equivalence_on_dense_data("wrong", quick(Unweighted))


@pytest.mark.parametrize("n", [2, 3])
def test_probabilities_are_those_of_scikit_learns_network_with_the_same_weights(n, unfinished):
    X, y = classes(n)
    ours = quick(DerivedClassifier).fit(X, y)
    theirs = MLPClassifier((6,), "tanh", max_iter=1, random_state=0).fit(X, y)
    assert np.abs(ours.predict_proba(X) - theirs.predict_proba(X)).max() > 0.01
    theirs.coefs_, theirs.intercepts_ = ours.coefs_, ours.intercepts_
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-12)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.out_activation_ == theirs.out_activation_.replace("logistic", "sigmoid")


# What the oldest scikit-learn hands to the newest SciPy.
@pytest.mark.filterwarnings("ignore:.*`iprint` options of the L-BFGS-B solver:DeprecationWarning")
def test_the_minimum_is_that_of_scikit_learn():
    """A linear network with a penalty has one minimum. Their alpha is ours times the samples."""
    X, y = values()
    ours = DerivedRegressor((), solver="lbfgs", alpha=0.01, tol=1e-10, random_state=0).fit(X, y)
    theirs = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.01 * len(X), tol=1e-10, random_state=0).fit(
        X, y
    )
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=2e-3)
    theirs.set_params(alpha=0.01).fit(X, y)
    assert np.abs(ours.coefs_[0] / theirs.coefs_[0] - 1).max() > 5e-3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_pipelines_searches_and_several_processes(kind, unfinished):
    X, y = classes() if kind is DerivedClassifier else values()
    pipeline = make_pipeline(StandardScaler(), quick(kind, learning_rate_init=0.05))
    name = kind.__name__.lower()
    search = GridSearchCV(
        pipeline, {f"{name}__alpha": [1e-4, 1e3], f"{name}__solver": ["adam", "lbfgs"]}, cv=3, n_jobs=2
    )
    search.fit(X, y)
    assert search.best_params_[f"{name}__alpha"] == 1e-4
    scores = cross_val_score(clone(search.best_estimator_), X, y, cv=3)
    assert scores.mean() == pytest.approx(search.best_score_)
    assert search.predict(X).shape == y.shape


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_pickle_carries_numbers_and_no_code(kind, unfinished):
    X, y = classes() if kind is DerivedClassifier else values()
    fitted = quick(kind).fit(X, y)
    text = pickle.dumps(fitted)
    assert b"def " not in text
    assert len(text) < 20_000
    copy = pickle.loads(text)
    np.testing.assert_array_equal(copy.predict(X), fitted.predict(X))
    assert copy.source_ == fitted.source_
    for estimator in (copy, fitted):  # the optimiser and the generator go on where they were
        estimator.partial_fit(X, y)
    np.testing.assert_array_equal(copy.theta_, fitted.theta_)
    copy._moments = {}
    for estimator in (copy, fitted):
        estimator.partial_fit(X, y)
    assert (copy.theta_ != fitted.theta_).any()


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_clone_learns_the_same_from_the_same_seed(kind, unfinished):
    X, y = classes() if kind is DerivedClassifier else values()
    fitted = quick(kind, activation=["tanh"], solver={"name": "sgd", "momentum": 0.9}).fit(X, y)
    again = clone(fitted)
    with pytest.raises(NotFittedError):
        again.predict(X)
    np.testing.assert_array_equal(again.fit(X, y).theta_, fitted.theta_)
    other = clone(fitted).set_params(random_state=1).fit(X, y)
    assert (other.theta_ != fitted.theta_).all()


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_weight_counts_samples(kind, solver, unfinished):
    X, y = classes(samples=30) if kind is DerivedClassifier else values(30)
    weights = np.arange(30) % 3
    new = quick(kind, solver=solver, max_iter=8)
    weighted = clone(new).fit(X, y, weights)
    scaled = clone(new).fit(X, y, 8.0 * weights)
    repeated = clone(new).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights, axis=0))
    plain = clone(new).fit(X, y)
    np.testing.assert_allclose(weighted.theta_, repeated.theta_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(weighted.theta_, scaled.theta_, rtol=1e-6, atol=1e-8)
    assert np.abs(weighted.theta_ - plain.theta_).max() > 1e-4


def test_early_stopping_keeps_the_best(unfinished):
    X, y = classes(samples=200)
    new = quick(DerivedClassifier, early_stopping=True, max_iter=200, n_iter_no_change=3, learning_rate_init=0.05)
    fitted = new.fit(X, y)
    scores = fitted.validation_scores_
    assert fitted.n_iter_ == len(scores) < 200
    assert fitted.best_validation_score_ == max(scores) >= scores[-1]
    assert max(scores[:-4]) >= max(scores[-4:]) - fitted.tol
    with pytest.raises(ValueError, match="cannot stop early"):
        fitted.partial_fit(X, y)


def test_early_stopping_of_a_regressor(unfinished):
    X, y = values(100)
    fitted = quick(DerivedRegressor, early_stopping=True, learning_rate_init=0.05, validation_fraction=0.2).fit(X, y)
    assert fitted.best_validation_score_ == max(fitted.validation_scores_)
    assert fitted.score(X, y) > 0.5


def test_partial_fit_is_an_epoch(unfinished):
    X, y = classes()
    whole = quick(DerivedClassifier, max_iter=5).fit(X, y)
    parts = quick(DerivedClassifier)
    with pytest.raises(ValueError, match="needs classes"):
        parts.partial_fit(X, y)
    parts.partial_fit(X, y, classes=["ash", "beech", "cedar"])
    for _ in range(4):
        parts.partial_fit(X, y)
    np.testing.assert_array_equal(parts.theta_, whole.theta_)
    assert parts.loss_curve_ == whole.loss_curve_
    with pytest.raises(ValueError, match="not among"):
        parts.partial_fit(X[:1], ["oak"])
    with pytest.raises(ValueError, match="give the same"):
        parts.partial_fit(X, y, classes=["ash", "oak", "cedar"])
    assert not hasattr(quick(DerivedClassifier, solver="lbfgs"), "partial_fit")


def test_warm_start_goes_on(unfinished):
    X, y = values()
    first = quick(DerivedRegressor, warm_start=True).fit(X, y)
    lower = first.loss_
    assert first.fit(X, y).loss_ < lower
    with pytest.raises(DeriveError, match="start again from a clone"):
        first.set_params(hidden_layer_sizes=(7,)).fit(X, y)


def test_several_labels_and_several_outputs(unfinished):
    X, Y = make_multilabel_classification(60, 5, n_classes=3, random_state=0)
    labels = quick(DerivedClassifier, max_iter=100, learning_rate_init=0.05).fit(X, Y)
    assert labels.predict(X).shape == labels.predict_proba(X).shape == (60, 3)
    assert (labels.predict(X) == Y).mean() > 0.8
    X, Y = values(outputs=2)
    assert quick(DerivedRegressor).fit(X, Y).predict(X).shape == (80, 2)


def test_what_lies_inside_can_be_read_and_proved(unfinished):
    X, y = classes()
    fitted = quick(DerivedClassifier).fit(X, y)
    assert fitted.architecture_.sizes == (5, 6, 3)
    assert audit(quick(DerivedRegressor).fit(*values()).source_).holds
    targets = LabelBinarizer().fit_transform(y)
    assert fitted.module_.loss(fitted.theta_, X, targets) < fitted.loss_curve_[0]
    assert [W.shape for W in fitted.coefs_] == [(5, 6), (6, 3)]
    assert [b.shape for b in fitted.intercepts_] == [(6,), (3,)]
    assert not hasattr(DerivedClassifier(), "coefs_")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "tahn"}, "did you mean 'tanh'"),
        ({"solver": "adm"}, "did you mean 'adam'"),
        ({"hidden_layer_sizes": (0,)}, "whole number from 1"),
        ({"hidden_layer_sizes": (3, 4), "activation": ["tanh"]}, "one activation for each"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"max_iter": 0}, "max_iter is 0"),
        ({"learning_rate_init": 0.0}, "learning_rate_init is 0"),
        ({"loss": "hinge"}, "not for real targets"),
        ({"solver": "lbfgs", "early_stopping": True}, "goes by epochs"),
        ({"early_stopping": True, "validation_fraction": 0.01}, "fewer than 2 samples"),
        ({"solver": "sgd", "learning_rate_init": 1e6, "activation": "identity"}, "diverged in epoch"),
    ],
)
def test_settings_that_cannot_be_used(settings, message, unfinished):
    X, y = values()
    with pytest.raises(ValueError, match=message):
        quick(DerivedRegressor, **settings).fit(X, y)


@pytest.mark.parametrize("weights", [-1.0, 0.0])
def test_weights_that_cannot_be_used(weights):
    X, y = values()
    with pytest.raises(ValueError, match=r"(?i)sample.weights?"):
        quick(DerivedRegressor).fit(X, y, np.full(len(X), weights))


def test_a_training_that_is_too_short_says_so():
    X, y = values()
    with pytest.warns(ConvergenceWarning, match="stopped after 2 iterations"):
        quick(DerivedRegressor, max_iter=2).fit(X, y)
