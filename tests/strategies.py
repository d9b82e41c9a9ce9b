"""What hypothesis draws, and how often.

The same examples are drawn each time; `HYPOTHESIS_PROFILE=explore pytest
tests/properties` draws others, and more.
"""

import os

import hypothesis
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_cem import heads, spaces
from keras_cem.algorithm import elites, gradient_steps

_COMMON = {
    "deadline": None,
    "database": None,
    # The machine may be busy with other things.
    "suppress_health_check": [hypothesis.HealthCheck.too_slow],
}
hypothesis.settings.register_profile("stable", derandomize=True, **_COMMON)
hypothesis.settings.register_profile("explore", max_examples=500, **_COMMON)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "stable")
hypothesis.settings.load_profile(PROFILE)


def examples(number):
    """Sets how many examples are drawn, but when exploring."""
    if PROFILE == "stable":
        return hypothesis.settings(max_examples=number)
    return hypothesis.settings()


# Returns of K trajectories: few values, so that they tie, or any.
returns = hnp.arrays(
    np.float32,
    st.integers(1, 12),
    elements=st.one_of(
        st.sampled_from([-1.0, 0.0, 1.0, 500.0]),
        # TensorFlow takes what is closer to 0 than any normal number for 0.
        st.floats(-1e6, 1e6, width=32, allow_subnormal=False),
    ),
)
# Where some are NaN or infinite.
returns_with_gaps = hnp.arrays(
    np.float32,
    st.integers(1, 12),
    elements=st.sampled_from([0.0, 1.0, 2.0, np.nan, np.inf, -np.inf]),
)
quantiles = st.one_of(
    st.sampled_from([1e-12, 0.1, 0.5, 0.7, 0.9, 1 - 1e-12]),
    st.floats(0, 1, exclude_min=True, exclude_max=True),
)


@st.composite
def boxes(draw):
    """A `Box` of any shape, dtype and bounds."""
    dtype = np.dtype(
        draw(st.sampled_from(["float32", "float64", "uint8", "int32"]))
    )
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, max_side=3))
    if dtype.kind == "f":
        elements = st.floats(-1e6, 1e6, width=32)
    else:
        elements = st.integers(0, 255)
    first, second = (
        draw(hnp.arrays(dtype, shape, elements=elements)) for _ in range(2)
    )
    low, high = np.minimum(first, second), np.maximum(first, second)
    if dtype.kind == "f":
        low = np.where(draw(hnp.arrays(bool, shape)), -np.inf, low)
        high = np.where(draw(hnp.arrays(bool, shape)), np.inf, high)
    return spaces.Box(low.astype(dtype), high.astype(dtype), shape, dtype)


_starts = st.integers(-(10**6), 10**6)
_shapes = st.lists(st.integers(1, 3), min_size=1, max_size=2)
leaf_spaces = st.one_of(
    boxes(),
    st.builds(
        spaces.Discrete,
        st.integers(1, 10**6),
        _starts,
        st.sampled_from(["int64", "int32"]),
    ),
    st.builds(
        spaces.MultiDiscrete,
        st.lists(st.integers(1, 9), min_size=1, max_size=4),
        _starts,
    ),
    st.builds(spaces.MultiBinary, _shapes),
)
any_space = st.recursive(
    leaf_spaces,
    lambda parts: st.one_of(
        st.dictionaries(st.text(max_size=3), parts, min_size=1, max_size=3).map(
            spaces.Dict
        ),
        st.lists(parts, min_size=1, max_size=3).map(spaces.Tuple),
    ),
    max_leaves=6,
)


# Options of `CEMAgent` that go with each other.
_options = {
    "elite_quantile": quantiles,
    "ties": st.sampled_from(elites.TIES),
    "loss_normalization": st.sampled_from(gradient_steps.NORMALIZATIONS),
    "gradient_steps": st.integers(1, 100),
    "minibatch_size": st.none() | st.integers(1, 1000),
    "discount": st.floats(0, 1, exclude_min=True),
    "episodes_per_start": st.none() | st.integers(2, 9),
    "normalize_observations": st.booleans(),
    "seed": st.integers(0, 2**32 - 1),
}
_scales = st.floats(1e-3, 1e3)
discrete_options = st.fixed_dictionaries(
    {},
    optional={
        **_options,
        "epsilon": st.floats(0, 1),
        "persistence": st.integers(1, 100),
        "entropy_coefficient": st.floats(0, 1),
    },
)
box_options = st.fixed_dictionaries(
    {},
    optional={
        **_options,
        "epsilon": st.floats(0, 100),
        "noise": st.sampled_from(heads.NOISES),
        "imitate": st.sampled_from(heads.IMITATED),
        "action_scale": _scales | st.lists(_scales, min_size=2, max_size=2),
    },
)
