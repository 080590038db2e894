"""pandas frames in the estimators, and scikit-learn's checks that need pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from derive.sklearn import DerivedClassifier, DerivedRegressor


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", [DerivedClassifier, DerivedRegressor])
def test_names_of_features_are_kept_and_compared(kind):
    frame = pd.DataFrame(np.random.default_rng(0).standard_normal((30, 3)), columns=["height", "width", "age"])
    target = pd.Series(frame["height"] > 0, name="tall").astype(int)
    fitted = kind((4,), max_iter=5, random_state=0).fit(frame, target, pd.Series(np.ones(30)))
    assert fitted.feature_names_in_.tolist() == ["height", "width", "age"]
    assert fitted.n_features_in_ == 3
    assert fitted.predict(frame).shape == (30,)
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame[["age", "height", "width"]])
