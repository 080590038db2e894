"""scikit-learn estimators around an emitted module: `DerivedClassifier` and `DerivedRegressor`.

Their parameters are those of MLPClassifier and MLPRegressor where these have one for the same thing. A fitted
estimator holds numbers and the specification, in TOML; the module is emitted from that wherever it is needed, so
pickles and clones carry no code. Needs the extra `sklearn`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import numpy as np

try:
    from sklearn.base import ClassifierMixin, RegressorMixin
except ImportError:
    raise ImportError("scikit-learn is not installed; pip install 'derive[sklearn]' brings it") from None
from sklearn.metrics import accuracy_score, r2_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, unique_labels

from derive.fitting import Samples
from derive.model.activation import Activation
from derive.model.errors import DeriveError, shorten
from derive.model.loss import loss_function
from derive.sklearn.data import listed_classes, same_labels, several_labels
from derive.sklearn.estimator import Network
from derive.sklearn.settings import known

__all__ = ["DerivedClassifier", "DerivedRegressor"]


def _by_epochs(estimator: Network) -> bool:
    """Whether the solver goes by epochs, so that there is a partial_fit."""
    return bool(estimator.solver != "lbfgs")


class DerivedClassifier(ClassifierMixin, Network):
    """A classifier whose gradients are derived, in a module that is emitted for it.

    Two classes, or several labels at a time, have sigmoid outputs and binary cross-entropy; more classes softmax
    and cross-entropy. `activation` is any that derive knows, for all hidden layers or a list with one for each;
    `solver` an optimiser of derive's, {"name": "sgd", "momentum": 0.9} with constants, or "lbfgs";
    `learning_rate` a schedule. alpha/2 sum(W**2) is added to the mean loss, whatever the number of samples;
    MLPClassifier divides its alpha by the samples of a batch.

    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["even", "odd", "odd", "even"]
    >>> xor = DerivedClassifier((8,), "tanh", solver="lbfgs", random_state=0).fit(X, y)
    >>> list(map(str, xor.predict(X)))
    ['even', 'odd', 'odd', 'even']
    >>> xor.module_.SIZES
    (2, 8, 1)
    """

    def _output(self, outputs: int) -> tuple[str, Any]:
        several = self._binarizer.y_type_ == "multiclass"
        return ("softmax", "cross_entropy") if several and outputs > 1 else ("sigmoid", "binary_cross_entropy")

    def _targets(self, y: Any, fresh: bool, classes: Any = None) -> Any:
        check_classification_targets(y)
        given = None if classes is None else listed_classes(classes)
        if fresh:
            seen = unique_labels(y) if given is None else given
            self._binarizer = LabelBinarizer().fit(y if several_labels(y) else seen)
            self.classes_ = seen
        elif given is not None and not np.array_equal(self.classes_, given):
            raise DeriveError(f"classes is {shorten(classes)}, but {shorten(self.classes_)} came before; give the same")
        same_labels(self._binarizer, y)
        strange = np.setdiff1d(unique_labels(y), self.classes_)
        if len(strange):
            raise DeriveError(
                f"y has the classes {shorten(strange.tolist())}, which are not among {shorten(self.classes_)}"
            )
        return self._binarizer.transform(y)

    def _strata(self, Y: Any) -> Any:
        if self._binarizer.y_type_.startswith("multilabel"):
            return None
        return Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0]

    @available_if(_by_epochs)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One epoch on these samples. The first call needs all the `classes`, unless y holds several labels each.

        What is said of DerivedRegressor.partial_fit holds here too.
        """
        if not hasattr(self, "theta_") and classes is None and not several_labels(y):
            raise DeriveError("the first call of partial_fit needs classes, an array of all that will come")
        return self._partial_fit(X, y, sample_weight, classes)

    def predict(self, X: Any) -> Any:
        """The most probable class of each sample, (N,), or the labels (N, outputs) where there are several."""
        return self._classes(self._outputs(X))

    def _classes(self, outputs: Any) -> Any:
        return self._binarizer.inverse_transform(outputs.ravel() if self.n_outputs_ == 1 else outputs)

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, (N, classes), in the order of `classes_`."""
        p = self._outputs(X)
        if self.n_outputs_ > 1:
            return p
        return np.hstack([1 - p, p]) if len(self.classes_) > 1 else np.ones_like(p)

    def predict_log_proba(self, X: Any) -> Any:
        """The logarithm of `predict_proba`."""
        return np.log(self.predict_proba(X))

    def _score(self, samples: Samples) -> float:
        found = self._classes(self.module_.predict(self.theta_, samples.X))
        return float(accuracy_score(self._classes(samples.Y), found, sample_weight=samples.relative))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class DerivedRegressor(RegressorMixin, Network):
    """A regressor whose gradients are derived, in a module that is emitted for it.

    The last layer is linear; `loss` is any of derive's for real targets, as "huber" or {"name": "huber",
    "delta": 2}. The other parameters are those of `DerivedClassifier`.

    >>> line = DerivedRegressor((), solver="lbfgs", alpha=0, random_state=0).fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> round(float(line.predict([[10.0]])[0]), 3)
    21.0
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Iterable[int] = (100,),
        activation: str | Activation | Iterable[str | Activation] = "relu",
        *,
        loss: str | dict[str, Any] = "least_squares",
        solver: str | dict[str, Any] = "adam",
        alpha: float = 1e-4,
        batch_size: int | str = "auto",
        learning_rate: str | dict[str, Any] = "constant",
        learning_rate_init: float = 1e-3,
        max_iter: int = 200,
        random_state: Any = None,
        tol: float = 1e-4,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        max_fun: int = 15000,
        initialization: str | dict[str, Any] = "glorot_uniform",
        clip: float | None = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            random_state=random_state,
            tol=tol,
            warm_start=warm_start,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            initialization=initialization,
            clip=clip,
        )
        self.loss = loss

    def _output(self, outputs: int) -> tuple[str, Any]:
        loss = loss_function(known(self.loss))
        if loss.targets != "real":
            raise DeriveError(f"loss {loss.name!r} is not for real targets; use one such as 'least_squares' or 'huber'")
        return "identity", loss

    def _targets(self, y: Any, fresh: bool, classes: Any = None) -> Any:
        if fresh:
            self._flat = y.ndim == 1
        elif self._flat != (y.ndim == 1):
            before = "(N,)" if self._flat else "(N, outputs)"
            raise DeriveError(f"y has shape {y.shape}, but one of shape {before} came before; give the same")
        return y.reshape(len(y), -1).astype(np.float64)

    @available_if(_by_epochs)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch on these samples, whose weights count in relation to each other.

        The learning-rate schedule is that of a fit of `max_iter` epochs, or of as many calls as there have been.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> Any:
        """The predictions, (N,), or (N, outputs) if y had columns."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._flat else outputs

    def _score(self, samples: Samples) -> float:
        found = self.module_.predict(self.theta_, samples.X)
        return float(r2_score(samples.Y, found, sample_weight=samples.relative))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
