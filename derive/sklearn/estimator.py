"""What the two scikit-learn estimators have in common: parameters, data, and training by an emitted module."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from types import ModuleType
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from derive.fitting import Samples, Watch, epochs, minimized, module_of, moments_of, restored, source_of
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError, shorten
from derive.model.specification import from_toml, to_toml

ALIASES = {"logistic": "sigmoid", "invscaling": "inverse_scaling", "squared_error": "least_squares"}
"""scikit-learn's name → derive's, where they differ; both are understood."""

LARGEST_BATCH = 200  # of batch_size="auto", as in scikit-learn


class Network(BaseEstimator):
    """What the classifier and the regressor have in common."""

    theta_: Any
    specification_: str
    _moments: dict[str, Any]

    def __init__(
        self,
        hidden_layer_sizes: int | Iterable[int] = (100,),
        activation: str | Activation | Iterable[str | Activation] = "relu",
        *,
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
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.random_state = random_state
        self.tol = tol
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.initialization = initialization
        self.clip = clip

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on X (N, n_0) and y, (N,) or (N, outputs); `sample_weight` (N,) holds a weight >= 0 for each sample.

        Raises ValueError for data or settings that cannot be used; warns with a ConvergenceWarning if `max_iter`
        ends the training.
        """
        continued = self.warm_start and hasattr(self, "theta_")
        X, y = self._validated(X, y, reset=True)
        Y = self._targets(y, fresh=not continued)
        samples = self._weighted(X, Y, sample_weight)
        self._prepare(samples, fresh=not continued)
        if self.solver == "lbfgs":
            self._fit_whole(samples)
        else:
            self._fit_batches(samples)
        return self

    def _fit_whole(self, samples: Samples) -> None:
        if self.early_stopping:
            raise DeriveError("early_stopping=True needs a solver that goes by epochs, such as 'adam', not 'lbfgs'")
        self.theta_, self.loss_, self.n_iter_, converged = minimized(
            self.module_,
            self.theta_,
            samples,
            iterations=self.max_iter,
            evaluations=self.max_fun,
            tol=self.tol,
        )
        self._check_converged(converged)

    def _fit_batches(self, samples: Samples) -> None:
        held_out = None
        if self.early_stopping:
            samples, held_out = self._split(samples)
            self.validation_scores_: list[float] = []
        self.loss_curve_: list[float] = []
        state = self.module_.new_state(self.theta_)
        watch, best = Watch(self.tol, self.n_iter_no_change), self.theta_
        for value in self._epochs(state, samples, self.max_iter):
            self.loss_curve_.append(value)
            if held_out is None:
                watch.improves(-value)
            else:
                self.validation_scores_.append(self._score(held_out))
                if watch.improves(self.validation_scores_[-1]):
                    best = self.theta_.copy()
            if watch.over:
                break
        self.n_iter_, self.loss_ = len(self.loss_curve_), self.loss_curve_[-1]
        self._moments = moments_of(self.module_, state)
        if held_out is not None:
            self.theta_, self.best_validation_score_ = best, watch.best
        self.best_loss_ = min(self.loss_curve_)
        self._check_converged(watch.over)

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        if self.early_stopping:
            raise DeriveError("partial_fit goes through the data once and cannot stop early; use fit")
        fresh = not hasattr(self, "theta_")
        X, y = self._validated(X, y, reset=fresh)
        Y = self._targets(y, fresh=fresh, classes=classes)
        samples = self._weighted(X, Y, sample_weight)
        self._prepare(samples, fresh=fresh)
        if fresh:
            self.loss_curve_, self.n_iter_ = [], 0
        state = restored(self.module_, self.theta_, getattr(self, "_moments", {}))
        (self.loss_,) = self._epochs(state, samples, 1)
        self._moments = moments_of(self.module_, state)
        self.loss_curve_.append(self.loss_)
        self.n_iter_ += 1
        self.best_loss_ = min(self.loss_curve_)
        return self

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        numeric = isinstance(self, RegressorMixin)
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=numeric, reset=reset)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _targets(self, y: Any, fresh: bool, classes: Any = None) -> Any:
        """Y as the module takes it, (N, outputs)."""
        raise NotImplementedError

    def _output(self, outputs: int) -> tuple[str, Any]:
        """The activation of the last layer, and the loss."""
        raise NotImplementedError

    def _score(self, samples: Samples) -> float:
        """What early stopping watches on the samples that are held out; more is better."""
        raise NotImplementedError

    def _weighted(self, X: Any, Y: Any, sample_weight: Any) -> Samples:
        """The samples with their weights; those of weight 0 are left out, as if they were not there."""
        self._check_settings()
        if sample_weight is None:
            return Samples(X, Y, np.ones(len(X)))
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
        if (weights < 0).any() or not weights.any():
            raise DeriveError("sample_weight has to be >= 0 for every sample, and more than 0 for at least one")
        return Samples(X, Y, weights).batch(weights > 0)

    def _check_settings(self) -> None:
        for key, least in (("max_iter", 1), ("n_iter_no_change", 1), ("max_fun", 1)):
            value = getattr(self, key)
            if isinstance(value, bool) or value != int(value) or value < least:
                raise DeriveError(f"{key} is {shorten(value)}; expected a whole number of at least {least}")
        if not 0 < self.learning_rate_init < np.inf:
            raise DeriveError(f"learning_rate_init is {shorten(self.learning_rate_init)}; expected a positive number")
        size = self.batch_size
        if size != "auto" and (isinstance(size, str | bool) or size != int(size) or size < 1):
            raise DeriveError(f"batch_size is {shorten(size)}; expected 'auto' or a whole number of at least 1")

    def _prepare(self, samples: Samples, fresh: bool) -> None:
        """Settle architecture, parameters and generator, or check that those there are for these data."""
        specification = to_toml(self._architecture(samples.X.shape[1], samples.Y.shape[1]))
        if fresh:
            seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
            self._generator = np.random.default_rng(seed)
            self._moments = {}
            self.theta_ = module_of(specification).initialize(self._generator)
        elif len(self.theta_) != module_of(specification).PARAMETER_COUNT:
            raise DeriveError(
                f"the data or settings ask for {module_of(specification).PARAMETER_COUNT} parameters, but "
                f"{len(self.theta_)} were trained before; start again from a clone"
            )
        elif specification != self.specification_:
            self._moments = {}  # of another optimiser, perhaps
        self.specification_ = specification
        self.n_outputs_ = samples.Y.shape[1]
        self.n_layers_ = len(self.module_.SIZES)
        self.out_activation_ = self._output(self.n_outputs_)[0]

    def _architecture(self, inputs: int, outputs: int) -> Architecture:
        sizes = self.hidden_layer_sizes
        hidden = [int(n) for n in (sizes if isinstance(sizes, Iterable) else [sizes])]
        given = self.activation
        functions = [given] * len(hidden) if isinstance(given, str | Activation) else list(given)
        last, loss = self._output(outputs)
        return Architecture(
            (inputs, *hidden, outputs),
            [*(known(f) for f in functions), last],
            loss=loss,
            optimizer="sgd" if self.solver == "lbfgs" else self.solver,
            penalty={"l2": float(self.alpha)},
            sample_weights=True,
            initialization=self.initialization,
            schedule=known(self.learning_rate),
            clip=self.clip,
        )

    def _epochs(self, state: Any, samples: Samples, count: int) -> Iterable[float]:
        N = len(samples.X)
        size = min(LARGEST_BATCH, N) if self.batch_size == "auto" else min(int(self.batch_size), N)
        data = (self.module_, self.theta_, state, samples, self._generator)
        return epochs(*data, count=count, batch_size=size, learning_rate=float(self.learning_rate_init))

    def _split(self, samples: Samples) -> tuple[Samples, Samples]:
        one_label = isinstance(self, ClassifierMixin) and type_of_target(samples.Y) != "multilabel-indicator"
        classes = samples.Y.argmax(axis=1) if samples.Y.shape[1] > 1 else samples.Y[:, 0]
        rows = train_test_split(
            np.arange(len(samples.X)),
            test_size=self.validation_fraction,
            random_state=int(self._generator.integers(2**31)),
            stratify=classes if one_label else None,
        )
        if len(rows[1]) < 2:
            raise DeriveError("fewer than 2 samples are held out: increase validation_fraction or give more samples")
        return samples.batch(rows[0]), samples.batch(rows[1])

    def _check_converged(self, converged: bool) -> None:
        if not converged:
            warnings.warn(
                f"stopped after {self.n_iter_} iterations, and the loss was still falling; increase max_iter "
                "or scale the data",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _outputs(self, X: Any) -> Any:
        """The output of the network, (N, outputs)."""
        check_is_fitted(self)
        return self.module_.predict(self.theta_, validate_data(self, X, dtype=np.float64, reset=False))

    @property
    def module_(self) -> ModuleType:
        """The emitted module, made from `specification_`."""
        return module_of(self.specification_)

    @property
    def source_(self) -> str:
        """The text of the emitted module."""
        return source_of(self.specification_)

    @property
    def architecture_(self) -> Architecture:
        """The architecture, to `prove`, to `audit` or to emit in another style."""
        return from_toml(self.specification_)

    @property
    def coefs_(self) -> list[Any]:
        """The weights as scikit-learn has them: for each layer (n_(l-1), n_l), so W_l transposed."""
        return [view.T for name, view in self._parameters() if name.startswith("W")]

    @property
    def intercepts_(self) -> list[Any]:
        """The biases: for each layer (n_l,)."""
        return [view for name, view in self._parameters() if name.startswith("b")]

    def _parameters(self) -> list[tuple[str, Any]]:
        return list(self.module_.unpack(self.theta_)._asdict().items())


def known(value: Any) -> Any:
    """derive's name for what may be scikit-learn's."""
    return ALIASES.get(value, value) if isinstance(value, str) else value
