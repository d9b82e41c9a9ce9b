import keras
import pytest

from keras_cem.agent.fit_callbacks import arrange
from keras_cem.saving.resuming import RunsLast


def test_history_and_those_that_run_last_are_behind_all_others():
    last, other = RunsLast(), keras.callbacks.LambdaCallback()
    arranged = arrange([last, [other]])
    assert arranged[0] is other
    assert isinstance(arranged[1], keras.callbacks.History)
    assert arranged[2] is last
    assert len(arranged) == 3


def test_a_history_of_the_callers_is_the_one():
    history, last = keras.callbacks.History(), RunsLast()
    assert arrange([last, history]) == [history, last]


@pytest.mark.parametrize("callbacks", [None, []])
def test_without_callbacks_there_is_history(callbacks):
    (only,) = arrange(callbacks)
    assert isinstance(only, keras.callbacks.History)


def test_one_callback_and_a_list_of_keras_are_taken():
    last = RunsLast()
    assert arrange(last)[1] is last
    of_keras = keras.callbacks.CallbackList([last], add_history=True)
    arranged = arrange(of_keras)
    assert [type(callback) for callback in arranged] == [
        keras.callbacks.History,
        RunsLast,
    ]
