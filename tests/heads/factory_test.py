import gymnasium
import numpy as np
import pytest

from keras_cem import heads, spaces

BOX = gymnasium.spaces.Box(-2.0, 2.0, (3,))
DISCRETE = gymnasium.spaces.Discrete(3)


def test_discrete_gets_the_softmax_head():
    head = heads.for_space(DISCRETE)
    assert isinstance(head, heads.SoftmaxHead)
    assert head.space == spaces.Discrete(3)


def test_box_gets_the_box_head():
    head = heads.for_space(BOX, action_scale=0.5, noise="uniform")
    assert isinstance(head, heads.BoxHead)
    assert head.space == spaces.Box(-2, 2, (3,))
    assert head.noise == "uniform"
    np.testing.assert_array_equal(head.scale, [0.5] * 3)


def test_description_is_taken_like_the_space():
    assert isinstance(heads.for_space(spaces.Discrete(3)), heads.SoftmaxHead)
    described = spaces.serialize(spaces.get(BOX))
    assert isinstance(heads.for_space(described), heads.BoxHead)


@pytest.mark.parametrize(
    "space",
    [
        gymnasium.spaces.Text(4),
        gymnasium.spaces.Sequence(BOX),
    ],
    ids=repr,
)
def test_unsupported_space_is_named_with_what_is_supported(space):
    with pytest.raises(ValueError, match="`action_space` must be") as error:
        heads.for_space(space)
    for part in ("Box", "Discrete", f"Received: action_space={space!r}"):
        assert part in str(error.value)


def test_scale_of_discrete_actions_is_refused():
    with pytest.raises(ValueError, match="`action_scale` must be None") as e:
        heads.for_space(DISCRETE, action_scale=2.0)
    assert "Received: action_scale=2.0, action_space=Discrete(" in str(e.value)


@pytest.mark.parametrize("space", [DISCRETE, BOX])
def test_unknown_noise_is_refused_for_every_space(space):
    with pytest.raises(ValueError, match="Received: noise='pink'"):
        heads.for_space(space, noise="pink")


def test_options_reach_the_head_they_are_for():
    box = heads.for_space(BOX, noise="correlated", correlation=0.5)
    assert (box.noise, box.correlation) == ("correlated", 0.5)
    discrete = heads.for_space(
        DISCRETE, persistence=7, entropy_coefficient=0.25
    )
    assert discrete.holding.longest == 7
    assert discrete.entropy_coefficient == 0.25


@pytest.mark.parametrize(
    ("space", "option", "value", "default"),
    [
        (DISCRETE, "noise", "uniform", "'gaussian'"),
        (DISCRETE, "noise", "correlated", "'gaussian'"),
        (DISCRETE, "imitate", "drawn", "'played'"),
        (DISCRETE, "correlation", 0.5, "None"),
        (BOX, "persistence", 10, "1"),
        (BOX, "entropy_coefficient", 0.5, "0.0"),
    ],
)
def test_option_of_another_head_is_refused(space, option, value, default):
    with pytest.raises(ValueError, match=f"`{option}` must be {default}") as e:
        heads.for_space(space, **{option: value})
    described = spaces.get(space)
    assert f"{option}={value!r}, action_space={described}" in str(e.value)


@pytest.mark.parametrize("value", [-0.5, float("nan"), float("inf")])
def test_entropy_coefficient_out_of_range_is_refused(value):
    with pytest.raises(ValueError, match="`entropy_coefficient` must be") as e:
        heads.for_space(DISCRETE, entropy_coefficient=value)
    assert f"Received: entropy_coefficient={value}" in str(e.value)


def test_arrays_of_choices_get_their_heads():
    multi = heads.for_space(gymnasium.spaces.MultiDiscrete([2, 3]))
    assert isinstance(multi, heads.MultiDiscreteHead)
    binary = heads.for_space(gymnasium.spaces.MultiBinary(3), persistence=4)
    assert isinstance(binary, heads.MultiBinaryHead)
    assert binary.holding.longest == 4


def test_nested_space_gets_a_head_for_each_leaf():
    head = heads.for_space(
        gymnasium.spaces.Dict(a=BOX, b=gymnasium.spaces.Tuple((DISCRETE,))),
        noise="uniform",
        persistence=3,
        action_scale=0.5,
    )
    box, softmax = head.heads
    assert (box.noise, box.scale.tolist()) == ("uniform", [0.5] * 3)
    assert softmax.holding.longest == 3


@pytest.mark.parametrize(
    ("part", "option", "value"),
    [
        (DISCRETE, "noise", "uniform"),
        (DISCRETE, "action_scale", 2.0),
        (gymnasium.spaces.MultiBinary(2), "correlation", 0.5),
        (BOX, "persistence", 10),
    ],
)
def test_option_that_no_leaf_has_is_refused(part, option, value):
    space = gymnasium.spaces.Tuple((part, part))
    with pytest.raises(ValueError, match=f"`{option}` must be") as error:
        heads.for_space(space, **{option: value})
    assert f"{option}={value!r}, action_space=Tuple(" in str(error.value)


@pytest.mark.parametrize(
    "part",
    [
        gymnasium.spaces.Box(-1, 1, (2,), np.int32),
        gymnasium.spaces.Box(-np.inf, np.inf, (2,)),
    ],
    ids=["integers", "infinite"],
)
def test_leaf_without_a_head_is_named_by_the_path_to_it(part):
    space = gymnasium.spaces.Dict(arm=gymnasium.spaces.Tuple((DISCRETE, part)))
    with pytest.raises(ValueError, match="must") as error:
        heads.for_space(space)
    assert str(error.value).startswith("`action_space['arm'][1]`: ")
    assert "Received: action_space=Box(" in str(error.value)
