"""The scan against mpmath sees planted errors, and its committed table has every activation and loss."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from benchmarks.trust import CASES, LIMITS, TABLE, errors, points, scanned
from derive.model.tables import ACTIVATIONS, LOSSES


@pytest.mark.parametrize("dtype", LIMITS)
def test_errors_are_seen(dtype: str) -> None:
    limit, one = LIMITS[dtype], [mpmath.mpf(1)]
    assert errors([1.0], one, [0.5], dtype).relative == 0
    assert errors([1 + 2 * limit], one, [0.5], dtype).relative > limit
    assert errors([np.nan], one, [0.5], dtype).relative == np.inf
    small = [mpmath.mpf("1e-30")]
    assert errors([2e-30], small, [0.5], dtype).relative == pytest.approx(1)
    assert errors([2e-30], small, [0.5], dtype, absolute=True).relative < limit


def test_below_the_normal_numbers_only_the_size_counts() -> None:
    tiny = [mpmath.mpf("1e-310")]
    assert errors([0.0], tiny, [0.5], "float64").relative == 0
    assert errors([1e-300], tiny, [0.5], "float64").relative == np.inf


@pytest.mark.parametrize("dtype", LIMITS)
def test_points_reach_everywhere(dtype: str) -> None:
    z = points(dtype, [3.0])
    smallest = float(np.finfo(dtype).smallest_subnormal)
    assert {-1000.0, 0.0, 1000.0, 3.0, float(np.nextafter(np.dtype(dtype).type(3), 9, dtype=dtype))} <= set(z.tolist())
    assert 0 < min(abs(v) for v in z.tolist() if v) < 10 * smallest


def test_a_scan_of_one_activation() -> None:
    assert scanned("hardsigmoid", "float32").holds


def test_the_table_is_complete() -> None:
    rows = [line.split(" | ") for line in TABLE.read_text().splitlines() if " | float" in line]
    assert {case.loss for case in CASES} == set(LOSSES)
    assert len(rows) == 2 * (len(ACTIVATIONS) + len(CASES))
    for name, dtype, _, value, _, _, slope, *_ in rows:
        assert max(float(value), float(slope)) <= LIMITS[dtype], name
    assert {name.removeprefix("| ") for name, *_ in rows} >= set(ACTIVATIONS)
