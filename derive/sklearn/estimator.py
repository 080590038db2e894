"""What the two scikit-learn estimators have in common: parameters, data, and training by an emitted module."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from types import ModuleType
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from derive.fitting import Samples, Watch, epochs, minimized, module_of, moments_of, restored, source_of
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.model.specification import from_toml, to_toml
from derive.model.training import Pace
from derive.sklearn.data import no_dates, no_mask, weighted
from derive.sklearn.settings import Settings, checked, known

LEARNT = ("loss_", "loss_curve_", "best_loss_", "n_iter_", "validation_scores_", "best_validation_score_")
"""What a fit finds out beside the parameters. Not every one finds all of it, and none leaves that of another."""


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

        Raises ValueError for data or settings that cannot be used, and if the training diverges; the estimator is then
        what it was before. Warns with a ConvergenceWarning if the training ends early. A KeyboardInterrupt leaves
        what the epochs that were over have learnt.
        """
        settings = checked(self)
        with self._kept():
            fresh = not (settings.warm_start and hasattr(self, "theta_"))
            for name in LEARNT:
                self.__dict__.pop(name, None)
            samples = self._samples(X, y, sample_weight, fresh=fresh, reset=True)
            self._prepare(samples, settings, fresh)
            self._moments = {}
            stopped = (self._fit_whole if self.solver == "lbfgs" else self._fit_batches)(samples, settings)
        if stopped:
            warnings.warn(stopped, ConvergenceWarning, stacklevel=2)
        return self

    def _fit_whole(self, samples: Samples, settings: Settings) -> str:
        """Train by L-BFGS; why it ended early, "" if it did not."""
        found = minimized(
            self.module_,
            self.theta_,
            samples,
            iterations=settings.max_iter,
            evaluations=settings.max_fun,
            tol=settings.tol,
        )
        self.theta_, self.loss_, self.n_iter_ = found.theta, found.loss, found.iterations
        return found.stopped and (
            f"lbfgs stopped after {self.n_iter_} iterations: {found.stopped}; increase max_iter or scale the data"
        )

    def _fit_batches(self, samples: Samples, settings: Settings) -> str:
        """Train by epochs; why that ended early, "" if it did not."""
        warm_up = int(dict(Pace.of(known(self.learning_rate)).constants)["warm_up"])
        if settings.max_iter < warm_up:
            raise DeriveError(f"max_iter is {settings.max_iter}; expected at least {warm_up}, the schedule's warm_up")
        held_out = None
        if settings.early_stopping:
            samples, held_out = self._split(samples, settings)
            self.validation_scores_: list[float] = []
        theta, best = self.theta_.copy(), self.theta_
        state = self.module_.new_state(theta)
        watch = Watch(settings.tol, settings.n_iter_no_change)
        for value in self._epochs(theta, state, samples, settings, range(settings.max_iter)):
            self._learnt(theta, value)
            if held_out is None:
                watch.improves(-value)
            else:
                self.validation_scores_.append(self._score(held_out))
                if watch.improves(self.validation_scores_[-1]):
                    best = self.theta_
            if watch.over:
                break
        self._moments = moments_of(self.module_, state)
        if held_out is not None:
            self.theta_, self.best_validation_score_ = best, watch.best
        still = f"stopped after {self.n_iter_} iterations, and the loss was still falling"
        return "" if watch.over else f"{still}; increase max_iter or scale the data"

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        settings = checked(self)
        if settings.early_stopping:
            raise DeriveError("partial_fit goes through the data once and cannot stop early; use fit")
        with self._kept():
            fresh = not hasattr(self, "theta_")
            samples = self._samples(X, y, sample_weight, fresh=fresh, reset=fresh, classes=classes)
            self._prepare(samples, settings, fresh)
            theta, done = self.theta_.copy(), len(getattr(self, "loss_curve_", ()))
            state = restored(self.module_, theta, self._moments)
            (value,) = self._epochs(theta, state, samples, settings, range(done, done + 1))
            self._moments = moments_of(self.module_, state)
            self._learnt(theta, value)
        return self

    def _learnt(self, theta: Any, value: float) -> None:
        """Take note of what an epoch has learnt, and of its loss."""
        if not hasattr(self, "loss_curve_"):
            self.loss_curve_: list[float] = []
        self.theta_, self.loss_ = theta.copy(), value
        self.best_loss_ = min(value, getattr(self, "best_loss_", value))
        self.loss_curve_.append(value)
        self.n_iter_ = len(self.loss_curve_)

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """After an error the estimator is what it was; after an interruption too, unless an epoch of a fit is over."""
        before = {name: deepcopy(value) if name == "_generator" else value for name, value in vars(self).items()}
        try:
            yield
        except BaseException as error:
            learnt = "loss_" in vars(self) and self.theta_ is not before.get("theta_")
            if isinstance(error, Exception) or not learnt:
                self.__dict__.clear()
                self.__dict__.update(before)
            raise

    def _samples(self, X: Any, y: Any, sample_weight: Any, fresh: bool, reset: bool, classes: Any = None) -> Samples:
        """The samples as the module takes them."""
        numeric = isinstance(self, RegressorMixin)
        no_mask(X=X, y=y, sample_weight=sample_weight)
        no_dates(X=X, **({"y": y} if numeric else {}))
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=numeric, reset=reset)
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        return weighted(X, self._targets(y, fresh, classes), sample_weight)

    def _targets(self, y: Any, fresh: bool, classes: Any = None) -> Any:
        """Y as the module takes it, (N, outputs)."""
        raise NotImplementedError

    def _output(self, outputs: int) -> tuple[str, Any]:
        """The activation of the last layer, and the loss."""
        raise NotImplementedError

    def _score(self, samples: Samples) -> float:
        """What early stopping watches on the samples that are held out; more is better."""
        raise NotImplementedError

    def _strata(self, Y: Any) -> Any:
        """The class of each sample, (N,), where early stopping holds out some of each; None where there are none."""
        return None

    def _prepare(self, samples: Samples, settings: Settings, fresh: bool) -> None:
        """Settle architecture, parameters and generator, or check that those there are for these data."""
        specification = to_toml(self._architecture(samples.X.shape[1], samples.Y.shape[1], settings))
        module = module_of(specification)
        if fresh:
            seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
            self._generator = np.random.default_rng(seed)
            self._moments = {}
            self.theta_ = module.initialize(self._generator)
        elif shapes(module) != shapes(self.module_):
            raise DeriveError(
                f"the data or settings ask for layers of {list(module.SIZES)} units and {module.PARAMETER_COUNT} "
                f"parameters, but {list(self.module_.SIZES)} and {self.module_.PARAMETER_COUNT} were trained before; "
                "start again from a clone"
            )
        elif specification != self.specification_:
            self._moments = {}  # of another optimiser, perhaps
        self.specification_ = specification
        self.n_outputs_ = samples.Y.shape[1]
        self.n_layers_ = len(module.SIZES)
        self.out_activation_ = self._output(self.n_outputs_)[0]

    def _architecture(self, inputs: int, outputs: int, settings: Settings) -> Architecture:
        last, loss = self._output(outputs)
        return Architecture(
            (inputs, *settings.hidden, outputs),
            (*settings.functions, last),
            loss=loss,
            optimizer="sgd" if self.solver == "lbfgs" else self.solver,
            penalty={"l2": settings.alpha},
            sample_weights=True,
            initialization=self.initialization,
            schedule=known(self.learning_rate),
            clip=self.clip,
        )

    def _epochs(self, theta: Any, state: Any, samples: Samples, settings: Settings, numbers: range) -> Iterable[float]:
        return epochs(
            self.module_,
            theta,
            state,
            samples,
            self._generator,
            numbers=numbers,
            whole=max(settings.max_iter, numbers.stop),
            batch_size=settings.batch(len(samples.X)),
            learning_rate=settings.learning_rate_init,
        )

    def _split(self, samples: Samples, settings: Settings) -> tuple[Samples, Samples]:
        rows = train_test_split(
            np.arange(len(samples.X)),
            test_size=settings.validation_fraction,
            random_state=int(self._generator.integers(2**31)),
            stratify=self._strata(samples.Y),
        )
        if len(rows[1]) < 2:
            raise DeriveError("fewer than 2 samples are held out: increase validation_fraction or give more samples")
        return samples.batch(rows[0]), samples.batch(rows[1])

    def _outputs(self, X: Any) -> Any:
        """The output of the network, (N, outputs)."""
        check_is_fitted(self)
        no_mask(X=X)
        no_dates(X=X)
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
        return [W.T for W in self._of_layers("W")]

    @property
    def intercepts_(self) -> list[Any]:
        """The biases: for each layer (n_l,)."""
        return self._of_layers("b")

    def _of_layers(self, letter: str) -> list[Any]:
        parameters = self.module_.unpack(self.theta_)
        return [getattr(parameters, f"{letter}{label}") for label in range(1, self.n_layers_)]


def shapes(module: ModuleType) -> dict[str, tuple[int, ...]]:
    """The shapes of a module's parameters by their names."""
    parameters = module.unpack(np.zeros(module.PARAMETER_COUNT))
    return {name: view.shape for name, view in parameters._asdict().items()}
