import pytest
import tensorflow as tf

from keras_cem.agent import step_functions


class Log:
    """Keras' function and `collect` in one, to see who calls when."""

    def __init__(self):
        self.calls = []
        self.batches = 0

    def collect(self):
        self.batches += 1
        self.calls.append(f"collect {self.batches}")
        return self.batches

    def inner(self, iterator):
        for batch in iterator:
            self.calls.append(f"update {batch}")
        return {"loss": self.batches}


def test_ticks_hold_nothing_and_can_be_counted():
    dataset = step_functions.ticks(3)
    assert dataset.cardinality() == 3
    assert [tick.shape for tick in dataset] == [(), (), ()]


@pytest.mark.parametrize(
    ("steps", "steps_per_execution", "cardinality", "given"),
    [
        (6, 3, step_functions.ENDLESS, 6),
        (3, 1, step_functions.ENDLESS, 3),
        (5, 3, 5, None),
    ],
)
def test_training_has_an_iterator_for_all_epochs_of_whole_executions(
    steps, steps_per_execution, cardinality, given
):
    arguments = step_functions.training_ticks(steps, steps_per_execution)
    assert arguments["x"].cardinality() == cardinality
    assert arguments.get("steps_per_epoch") == given


def test_each_batch_is_collected_after_the_update_before_it():
    log = Log()
    function = step_functions.CollectThenStep(log.inner, log.collect, 2)
    iterator = iter(step_functions.ticks(5))
    assert function(iterator) == {"loss": 2}
    assert log.calls == ["collect 1", "update 1", "collect 2", "update 2"]


def test_last_execution_has_as_many_steps_as_ticks_are_left():
    log = Log()
    function = step_functions.CollectThenStep(log.inner, log.collect, 4)
    iterator = iter(step_functions.ticks(6))
    function(iterator)
    assert log.batches == 4
    function(iterator)
    assert log.batches == 6
    with pytest.raises(StopIteration):
        function(iterator)
    assert log.batches == 6


def test_nothing_is_collected_before_the_first_call():
    log = Log()
    step_functions.CollectThenStep(log.inner, log.collect, 4)
    iter(step_functions.ticks(6).prefetch(6))
    assert log.calls == []


def test_check_is_called_after_each_update():
    log = Log()
    seen = []
    function = step_functions.CollectThenStep(
        log.inner, log.collect, 3, check=lambda: seen.append(log.calls[-1])
    )
    function(iter(step_functions.ticks(3)))
    assert seen == ["update 1", "update 2", "update 3"]


def test_error_of_collect_reaches_the_caller_as_it_is():
    def collect():
        raise RuntimeError("no episode")

    function = step_functions.CollectThenStep(list, collect, 2)
    with pytest.raises(RuntimeError, match="no episode"):
        function(iter(step_functions.ticks(2)))


def test_ticks_from_a_plain_iterator_do():
    log = Log()
    step_functions.CollectThenStep(log.inner, log.collect, 2)(
        iter([tf.zeros(())] * 2)
    )
    assert log.batches == 2
