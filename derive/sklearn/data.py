"""What data the estimators take beyond what scikit-learn checks: no masked entries, weights of the samples, labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import _check_sample_weight

from derive.fitting import Samples
from derive.model.errors import DeriveError, shorten


def no_mask(**arrays: Any) -> None:
    """Refuse an array with masked entries: there are numbers beneath a mask, but they are not meant."""
    for name, value in arrays.items():
        if any(map(np.ma.is_masked, value if isinstance(value, list | tuple) else [value])):
            raise DeriveError(f"{name} is a masked array with entries missing; expected a number in every entry")


def no_dates(**arrays: Any) -> None:
    """Refuse dates and durations: scikit-learn makes whole numbers of them, and a missing one -9e18."""
    for name, value in arrays.items():
        given = np.asarray(value[:1]) if isinstance(value, list | tuple) else value
        kinds = np.ravel(np.asarray(getattr(given, "dtypes", getattr(given, "dtype", None)), dtype=object))
        for dtype in kinds:
            if getattr(dtype, "kind", "") in ("M", "m"):
                raise DeriveError(f"{name} has dtype {dtype}; expected real numbers")


def weighted(X: Any, Y: Any, sample_weight: Any) -> Samples:
    """The samples with their weights; those of weight 0 are left out, as if they were not there."""
    if sample_weight is None:
        return Samples(X, Y, np.ones(len(X)))
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
    if (weights < 0).any() or not weights.any():
        raise DeriveError("sample_weight has to be >= 0 for every sample, and more than 0 for at least one")
    return Samples(X, Y, weights).batch(weights > 0)


def listed_classes(classes: Any) -> Any:
    """The labels that `classes` lists, each once and in order."""
    labels = np.asarray(classes)
    if labels.ndim != 1 or not len(labels) or (labels.dtype.kind == "f" and not np.isfinite(labels).all()):
        raise DeriveError(f"classes is {shorten(classes)}; expected a list of all the labels that will come")
    return unique_labels(labels)


def several_labels(y: Any) -> bool:
    """Whether y (N, outputs) says of each of several labels whether a sample has it; otherwise it is one label each."""
    return bool(type_of_target(y).startswith("multilabel"))


LABELS = {True: "several labels for each sample (rows of 0 and 1)", False: "one label for each sample"}
"""What y holds, in words, by `several_labels`."""


def same_labels(before: Any, y: Any) -> None:
    """Refuse a y of another kind, or with another number of labels, than the LabelBinarizer `before` was made for."""
    came, comes = bool(before.y_type_.startswith("multilabel")), several_labels(y)
    if came != comes:
        raise DeriveError(f"y holds {LABELS[comes]}, but {LABELS[came]} came before; give the same, or start anew")
    if comes and y.shape[1] != len(before.classes_):
        raise DeriveError(f"y has {y.shape[1]} labels for each sample, but {len(before.classes_)} came before")
