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
