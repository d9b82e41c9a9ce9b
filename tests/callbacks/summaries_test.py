"""What TensorBoard reads."""

import keras
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator

import keras_cem as cem
from keras_cem.callbacks import Summaries


def read(folder):
    accumulator = event_accumulator.EventAccumulator(str(folder))
    accumulator.Reload()
    return accumulator


def scalars(accumulator, tag):
    return [
        (event.step, float(tf.make_ndarray(event.tensor_proto)))
        for event in accumulator.Tensors(tag)
    ]


def test_history_stands_over_environment_steps(tmp_path):
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
    agent.compile(optimizer=keras.optimizers.Adam(1e-2), run_eagerly=True)
    history = agent.fit(
        "CartPole-v1",
        engine="host",
        batch_size=4,
        epochs=3,
        max_episode_steps=12,
        callbacks=[Summaries(tmp_path, text="**settings**")],
        verbose=0,
    ).history
    written = read(tmp_path)
    for name in ("episode_return", "elite_threshold", "epsilon"):
        assert scalars(written, name) == list(
            zip(history["env_steps"], history[name], strict=True)
        )
    for (step, _), mean, best, buckets in zip(
        scalars(written, "env_steps"),
        history["episode_return"],
        history["episode_return_max"],
        written.Tensors("episode_returns"),
        strict=True,
    ):
        assert buckets.step == step
        # Left and right end and count of each.
        left, right, counts = tf.make_ndarray(buckets.tensor_proto).T
        assert counts.sum() == 4
        assert left[0] <= mean <= right[-1] == best
    (event,) = written.Tensors("config")
    assert tf.make_ndarray(event.tensor_proto) == b"**settings**"
    assert event.step == 0
