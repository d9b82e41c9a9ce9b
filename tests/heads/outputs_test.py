import re

import pytest
import tensorflow as tf

from keras_cem import heads, spaces

SPACE = spaces.Dict(
    {"arm": spaces.Tuple([spaces.MultiBinary(2), spaces.Discrete(3)])}
)
HEAD = heads.for_space(SPACE)


def _outputs(bits, logits):
    return {"arm": (tf.convert_to_tensor(bits), tf.convert_to_tensor(logits))}


def test_outputs_as_the_space_is_are_taken():
    heads.check_outputs(HEAD, _outputs(tf.zeros((2, 2)), tf.zeros((2, 3))), "p")
    lists = {"arm": [tf.zeros((2, 2)), tf.zeros((2, 3), tf.float16)]}
    heads.check_outputs(HEAD, lists, "p")


@pytest.mark.parametrize(
    ("outputs", "parts"),
    [
        (
            tf.zeros((2, 5)),
            ["`outputs` must be a dictionary with the keys ['arm']"],
        ),
        ({"arm": tf.zeros((2, 5))}, ["`outputs['arm']` must be a tuple of 2"]),
        (
            {"leg": tf.zeros((2, 5))},
            ["the keys ['arm']. Received: the keys ['leg']"],
        ),
        (
            _outputs(tf.zeros((2, 2)), tf.zeros((2, 4))),
            ["(batch, 3) in outputs['arm'][1]", "returned shape (batch, 4)"],
        ),
        (
            _outputs(tf.zeros(2), tf.zeros((2, 3))),
            ["(batch, 2) in outputs['arm'][0]", "returned shape (batch, )"],
        ),
        (
            _outputs(tf.zeros((2, 2)), tf.zeros((2, 3), tf.int32)),
            ["one float tensor in outputs['arm'][1]", "returned int32"],
        ),
        (
            {"arm": (None, tf.zeros((2, 3)))},
            ["one float tensor in outputs['arm'][0]", "NoneType"],
        ),
    ],
    ids=["tensor", "level", "key", "size", "rank", "dtype", "none"],
)
def test_outputs_that_do_not_fit_are_named_by_their_path(outputs, parts):
    with pytest.raises(ValueError, match="`policy` must return") as error:
        heads.check_outputs(HEAD, outputs, "mine")
    assert "policy='mine'" in str(error.value)
    for part in parts:
        assert part in str(error.value)


def test_path_is_left_out_where_there_is_but_one_output():
    head = heads.for_space(spaces.Discrete(3))
    match = re.escape("of shape (batch, 3) for action_space=Discrete(")
    with pytest.raises(ValueError, match=match):
        heads.check_outputs(head, tf.zeros((2, 4)), "mine")
