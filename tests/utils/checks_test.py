import math

import numpy as np
import pytest

from keras_cem.utils import checks


@pytest.mark.parametrize("value", [None, 2, 3, np.int64(2)])
def test_at_least_takes_integers_and_none(value):
    checks.at_least(2, size=value)


@pytest.mark.parametrize("value", [1, -3, 2.0, "2", math.nan])
def test_at_least_refuses(value):
    with pytest.raises(ValueError, match="`size` must be an integer of") as e:
        checks.at_least(2, "Two is company.", size=value)
    assert str(e.value) == (
        "`size` must be an integer of at least 2. "
        f"Received: size={value!r}. Two is company."
    )


@pytest.mark.parametrize("value", [True, np.bool_(True), 2.0, "2", None])
def test_as_integer_refuses_other_kinds(value):
    assert not checks.is_integer(value)
    with pytest.raises(TypeError, match="`size` must be an integer") as error:
        checks.as_integer("size", value)
    assert f"Received: size={value!r} of type" in str(error.value)


def test_as_integer_returns_an_int_of_python():
    assert type(checks.as_integer("size", np.int8(-2))) is int
    assert checks.as_integer("size", -2) == -2
    with pytest.raises(ValueError, match="`size` must be at least 1") as error:
        checks.as_integer("size", 0, minimum=1)
    assert "Received: size=0." in str(error.value)


def test_as_integers_checks_each_value():
    assert checks.as_integers("sizes", (), (), "ints") == ()
    assert checks.as_integers("sizes", (2, 1), (2, 1), "ints") == (2, 1)
    with pytest.raises(ValueError, match=r"Received: sizes=\(2, 0\)"):
        checks.as_integers("sizes", (2, 0), (2, 0), "ints")


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.int64(1)])
def test_number_takes_what_is_in_range(value):
    checks.number(0, 1, share=value)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf])
def test_number_refuses_what_is_out_of_range(value):
    with pytest.raises(ValueError, match=r"`share` must be in \[0, 1\]") as e:
        checks.number(0, 1, share=value)
    assert f"Received: share={value}" in str(e.value)


@pytest.mark.parametrize("value", ["0.5", None, [0.5], 1j])
def test_number_refuses_what_is_none(value):
    with pytest.raises(TypeError, match="`share` must be a number") as error:
        checks.number(0, 1, share=value)
    assert f"Received: share={value!r} of type" in str(error.value)


def test_number_says_which_bounds_there_are():
    with pytest.raises(ValueError, match="must be at least 0 and finite"):
        checks.number(0, size=math.inf)
    with pytest.raises(ValueError, match="`size` must be finite"):
        checks.number(size=math.inf)


def test_one_of_refuses_and_lists_the_choices():
    checks.one_of(("a", "b"), form="a")
    with pytest.raises(ValueError, match=r"one of \('a', 'b'\)") as error:
        checks.one_of(("a", "b"), form="c")
    assert "`form`" in str(error.value)
    assert "Received: form='c'" in str(error.value)


def test_only_for_refuses_what_is_given():
    checks.only_for("arrays", y=None)
    with pytest.raises(ValueError, match="`y` is for arrays only") as error:
        checks.only_for("arrays", y=3)
    assert "Received: y=3" in str(error.value)
