"""The arrays of the stand-in: NumPy's own, whose arithmetic is the stand-in's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from derive.codegen.exact.meter import NotUnderstoodError

if TYPE_CHECKING:
    from derive.codegen.exact.stand_in import StandIn


def exact_array(owner: StandIn, dtype: str) -> type[np.ndarray[Any, Any]]:
    """The class of arrays that compute by `owner`, and claim the module's dtype."""

    class Exact(np.ndarray[Any, Any]):
        """An int64 array of residues and handles that claims the module's dtype."""

        @property
        def dtype(self) -> Any:
            return np.dtype(dtype)

        def astype(self, *_: Any, **__: Any) -> Any:
            return owner.array(self.view(np.ndarray).copy())

        def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
            return owner.ufunc(ufunc, method, inputs, options)

        def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
            return owner.function(function, inputs, options)

        def dot(self, other: Any, out: Any = None) -> Any:
            return owner.product(self, other, out)

        def sum(self, axis: Any = None, keepdims: Any = False, out: Any = None) -> Any:  # type: ignore[override]
            return owner.total(self, axis, keepdims, out)

        def max(self, axis: Any = None, keepdims: Any = False, out: Any = None) -> Any:  # type: ignore[override]
            return owner.largest(self, axis, keepdims, out)

        def mean(self, axis: Any = None, keepdims: Any = False) -> Any:  # type: ignore[override]
            return owner.mean(self, axis, keepdims)

        def __getitem__(self, key: Any) -> Any:
            found = super().__getitem__(key)
            return found if isinstance(found, np.ndarray) else np.asarray(found).view(Exact)  # an entry is exact too

        def __setitem__(self, key: Any, value: Any) -> None:
            entries = self.view(np.ndarray)
            owner.meter.together(entries[key])
            entries[key] = owner.entries(value)

        def __index__(self) -> int:
            raise NotUnderstoodError("an array or a decimal number as an index")

        def __bool__(self) -> bool:
            raise NotUnderstoodError("a decision that depends on the value of an array")

    return Exact
