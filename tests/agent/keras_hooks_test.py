"""Every row of docs/keras_hooks.md, on environments of both engines."""

import inspect
import pathlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem.networks.normalization import NormalizedPolicy

pytestmark = pytest.mark.slow

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "keras_hooks.md"
PLAYING = {"batch_size": 4, "max_episode_steps": 5, "verbose": 0}
X = np.random.default_rng(0).uniform(-1, 1, (8, 4)).astype(np.float32)
both = pytest.mark.parametrize("engine", ["host", "graph"])
TRACED = {"run_eagerly": False, "jit_compile": False}


def make_agent(cls=cem.CEMAgent, env="CartPole-v1", *, network=None, **given):
    """An agent whose steps run eagerly; pass `**TRACED` where it matters."""
    agent = cls.from_env(env, hidden_units=(), seed=0, **(network or {}))
    agent.compile(
        **{"optimizer": keras.optimizers.SGD(0.1), "run_eagerly": True} | given
    )
    return agent


def fit(agent, engine="host", env="CartPole-v1", **kwargs):
    return agent.fit(env, engine=engine, **{**PLAYING, **kwargs}).history


class Opposite(cem.CEMAgent):
    """Does the opposite of what its policy says."""

    def call(self, inputs, training=None):
        return -super().call(inputs, training=training)


@both
def test_call(engine):
    agent = make_agent(
        Opposite, network={"normalize_observations": True}, **TRACED
    )
    assert isinstance(agent.policy, NormalizedPolicy)
    fit(agent, engine)
    played = agent.collect("CartPole-v1", 4, engine=engine, max_episode_steps=5)
    seen = played.observations[played.mask]
    said = agent.predict(seen, verbose=0).argmax(-1)
    np.testing.assert_array_equal(said, played.actions[played.mask])
    assert [int(agent.act(row)) for row in seen[:4]] == said[:4].tolist()
    np.testing.assert_array_equal(
        said, np.asarray(agent.policy(seen)).argmin(-1)
    )


def test_call_is_exported(tmp_path):
    agent = make_agent(Opposite, **TRACED)
    agent.export(tmp_path / "policy")
    acting = tf.saved_model.load(str(tmp_path / "policy"))
    np.testing.assert_array_equal(
        acting.act(X), agent.predict(X, verbose=0).argmax(-1)
    )


def test_call_that_is_not_overridden_costs_nothing():
    agent = make_agent()
    assert agent.acting_network() is agent.policy


class Counted(cem.CEMAgent):
    """Overrides hooks, and counts their calls."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        object.__setattr__(self, "asked", [])

    def make_train_function(self, force=False):
        super().make_train_function(force)
        self.asked.append("make_train_function")

    def make_test_function(self, force=False):
        super().make_test_function(force)
        self.asked.append("make_test_function")

    def make_predict_function(self, force=False):
        super().make_predict_function(force)
        self.asked.append("make_predict_function")

    def train_step(self, data):
        self.asked.append("train_step")
        return {**super().train_step(data), "mine": tf.constant(7.0)}

    def test_step(self, data):
        self.asked.append("test_step")
        return {**super().test_step(data), "mine": tf.constant(8.0)}

    def predict_step(self, data):
        self.asked.append("predict_step")
        return super().predict_step(data)


@both
def test_train_step_and_test_step(engine):
    agent = make_agent(Counted, **TRACED)
    for _ in range(2):
        history = fit(agent, engine, validation_data="CartPole-v1")
        assert history["mine"] == [7.0]
        assert history["val_mine"] == [8.0]
        assert "episode_return" in history
    assert {"train_step", "test_step"} <= set(agent.asked)
    assert int(agent.iteration) == 2


def test_predict_step():
    agent = make_agent(Counted)
    fit(agent, validation_data="CartPole-v1")
    agent.collect("CartPole-v1", 2, engine="host", max_episode_steps=5)
    agent.act(X[0])
    assert "predict_step" not in agent.asked
    agent.predict(X, verbose=0)
    assert "predict_step" in agent.asked


@both
def test_make_functions(engine):
    agent = make_agent(Counted)
    fit(agent, engine, validation_data="CartPole-v1")
    made = {"make_train_function", "make_test_function"}
    assert made <= set(agent.asked)
    assert "make_predict_function" not in agent.asked
    agent.predict(X, verbose=0)
    assert "make_predict_function" in agent.asked


class OwnLoss(cem.CEMAgent):
    def compute_loss(self, *args, **kwargs):
        return 3.0 + super().compute_loss(*args, **kwargs)


def test_compute_loss():
    agent, plain = make_agent(OwnLoss), make_agent()
    y = np.zeros(8, int)
    assert agent.evaluate(X, y, verbose=0) == pytest.approx(
        3.0 + plain.evaluate(X, y, verbose=0)
    )
    agent.evaluate("CartPole-v1", **PLAYING)
    with pytest.raises(TypeError, match=r"`compute_loss` must not.*OwnLoss"):
        fit(agent)

    class Stateless(cem.CEMAgent):
        def stateless_compute_loss(self, *args, **kwargs):
            return super().stateless_compute_loss(*args, **kwargs)

    with pytest.raises(
        TypeError, match=r"`stateless_compute_loss` must not.*Stateless"
    ):
        fit(make_agent(Stateless))


class OwnMetrics(cem.CEMAgent):
    def compute_metrics(self, *args, **kwargs):
        return {**super().compute_metrics(*args, **kwargs), "mine": 1.0}


def test_compute_metrics():
    agent = make_agent(OwnMetrics)
    y = np.zeros(8, int)
    result = agent.evaluate(X, y, verbose=0, return_dict=True)
    assert result["mine"] == 1.0
    for verb in (agent.fit, agent.evaluate):
        with pytest.raises(TypeError, match=r"`compute_metrics` must not be"):
            verb("CartPole-v1", **PLAYING)


class Measured(cem.CEMAgent):
    """Has a metric of its own, as Keras' guides show it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.steps = keras.metrics.Sum(name="steps")
        object.__setattr__(self, "num_resets", 0)

    def train_step(self, data):
        super().train_step(data)
        self.steps.update_state(1.0)
        return {metric.name: metric.result() for metric in self.metrics}

    def reset_metrics(self):
        object.__setattr__(self, "num_resets", self.num_resets + 1)
        super().reset_metrics()


@both
def test_metrics_of_a_subclass(engine):
    agent = make_agent(Measured, **TRACED)
    seen = []
    look = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: seen.append(
            (agent.metrics_names, agent.get_metrics_result())
        )
    )
    history = fit(agent, engine, epochs=2, steps_per_epoch=3, callbacks=[look])
    # Reset before each epoch.
    assert history["steps"] == [3.0, 3.0]
    assert history["num_elites"]
    assert agent.num_resets >= 2
    names, results = seen[-1]
    assert {"steps", "episode_return"} <= set(names)
    assert results["steps"] == 3.0


def test_metrics_of_compile():
    agent = make_agent(metrics=["accuracy"], weighted_metrics=["accuracy"])
    assert "accuracy" not in fit(agent)
    y = agent.predict(X, verbose=0).argmax(-1)
    result = agent.evaluate(X, y, verbose=0, return_dict=True)
    assert result["accuracy"] == result["weighted_accuracy"] == 1.0


def test_optimizer():
    def moved(optimizer):
        agent = make_agent(env="Pendulum-v1", optimizer=optimizer)
        before = agent.policy.get_weights()[0]
        fit(agent, env="Pendulum-v1")
        return agent.policy.get_weights()[0] - before

    compile_with = keras.optimizers.SGD
    step = moved(compile_with(0.1))
    assert np.any(step)
    np.testing.assert_allclose(moved(compile_with(0.2)), 2 * step, rtol=1e-3)


# All forms of the argument, and one form in each kind of step. Those on the
# host are eager.
@pytest.mark.parametrize(
    ("engine", "options", "weights"),
    [
        ("host", {}, (0.5, [0.5], (0.0,))),
        ("host", {"minibatch_size": 4}, (0.5,)),
        ("graph", {}, (0.5,)),
        ("graph", {"minibatch_size": 4}, (0.5,)),
    ],
    ids=["all-host", "minibatch-host", "all-graph", "minibatch-graph"],
)
def test_loss_weights(engine, options, weights):
    mode = TRACED if engine == "graph" else {}

    def moved(**given):
        agent = make_agent(env="Pendulum-v1", network=options, **given, **mode)
        before = agent.policy.get_weights()[0]
        loss = fit(agent, engine, "Pendulum-v1")["loss"][0]
        return loss, agent.policy.get_weights()[0] - before

    loss, step = moved()
    for weight in weights:
        weighted_loss, weighted_step = moved(loss_weights=weight)
        factor = np.ravel(weight)[0]
        assert weighted_loss == pytest.approx(factor * loss, rel=1e-4)
        np.testing.assert_allclose(
            weighted_step, factor * step, rtol=1e-3, atol=1e-7
        )


@pytest.mark.parametrize("loss", [None, "mse"])
def test_loss_weights_of_arrays_and_of_a_file(tmp_path, loss):
    y = np.zeros((8, 1), np.float32)
    x = X[:, :3]
    plain = make_agent(env="Pendulum-v1", loss=loss)
    agent = make_agent(env="Pendulum-v1", loss=loss, loss_weights=[0.5])
    half = 0.5 * plain.evaluate(x, y, verbose=0)
    assert agent.evaluate(x, y, verbose=0) == pytest.approx(half)
    agent.save(tmp_path / "agent.keras")
    loaded = keras.saving.load_model(tmp_path / "agent.keras")
    assert loaded.loss_weight == 0.5
    assert loaded.evaluate(x, y, verbose=0) == pytest.approx(half)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss_weights": [1.0, 2.0]}, r"`loss_weights`.*\[1.0, 2.0\]"),
        ({"loss_weights": {"a": 1.0}}, r"`loss_weights`.*'a'"),
        ({"loss_weights": float("nan")}, "`loss_weights`.*nan"),
        ({"loss": ["mse", "mae"]}, r"`loss` of .*\['mse', 'mae'\]"),
        ({"loss": {"a": "mse"}}, "`loss` of .*'a'"),
        ({"steps_per_execution": 0}, "steps_per_execution=0"),
        ({"jit_compile": "no"}, "jit_compile='no'"),
    ],
)
def test_bad_arguments_of_compile(given, message):
    with pytest.raises(ValueError, match=message):
        make_agent(env="Pendulum-v1", **given)


def test_steps_per_execution_and_jit_compile():
    agent = make_agent()
    before = ("sgd", None, 0.5, None, None, False)
    agent.compile(*before, 3, False, False)
    assert agent.steps_per_execution == 3
    assert agent.jit_compile is False
    fit(agent, steps_per_epoch=3)
    assert int(agent.iteration) == 3
    with pytest.raises(ValueError, match="steps_per_execution=0"):
        agent.compile(*before, 0)


def test_loss():
    history = [
        fit(make_agent(env="Pendulum-v1", loss=loss), env="Pendulum-v1")
        for loss in ("mse", ["mse"], lambda y, p: (y - p) ** 2)
    ]
    assert history[0]["loss"] == history[1]["loss"]
    assert history[0]["loss"] == pytest.approx(history[2]["loss"])
    agent = make_agent(env="Pendulum-v1", loss="categorical_crossentropy")
    with pytest.raises(ValueError, match="'categorical_crossentropy'"):
        fit(agent, env="Pendulum-v1")
    with pytest.raises(ValueError, match="must be None for discrete"):
        fit(make_agent(loss="mse"))


class Charged(cem.CEMAgent):
    """Adds a constant to its loss."""

    def call(self, inputs, training=None):
        self.add_loss(keras.ops.convert_to_tensor(2.0))
        return super().call(inputs, training=training)


def test_add_loss():
    learns = {"ties": "inclusive"}
    plain = fit(make_agent(network=learns))["loss"][0]
    charged = make_agent(Charged, network=learns, **TRACED)
    assert fit(charged)["loss"][0] == pytest.approx(2.0 + plain)
    # Of regularizers, too.
    network = {**learns, "network": {"l1": 0.5}}
    penalized = make_agent(network=network, **TRACED)
    size = np.abs(penalized.policy.get_weights()[0]).sum()
    assert fit(penalized)["loss"][0] == pytest.approx(0.5 * size + plain)


@both
def test_run_eagerly(engine):
    eager, traced = (
        fit(
            make_agent(env="Pendulum-v1", **mode),
            engine,
            "Pendulum-v1",
        )
        for mode in ({"run_eagerly": True}, TRACED)
    )
    # CartPole would not learn within five steps.
    assert eager["loss"][0] > 0
    assert eager["loss"] == pytest.approx(traced["loss"], rel=1e-5)


@pytest.mark.parametrize("scales", [True, False])
def test_auto_scale_loss(scales):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        agent = make_agent(env="Pendulum-v1", auto_scale_loss=scales)
    finally:
        keras.config.set_dtype_policy(before)
    kind = keras.optimizers.LossScaleOptimizer
    assert isinstance(agent.optimizer, kind) == scales
    assert fit(agent, env="Pendulum-v1")["loss"][0] > 0


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("y", np.zeros(4, int)),
        ("sample_weight", np.ones(4)),
        ("class_weight", {0: 1.0}),
        ("validation_split", 0.5),
        ("shuffle", False),
    ],
)
def test_fit_and_evaluate(argument, value):
    agent = make_agent()
    verbs = [agent.fit]
    if argument in ("y", "sample_weight"):
        verbs.append(agent.evaluate)
    for verb in verbs:
        with pytest.raises(ValueError, match=f"`{argument}` is for arrays"):
            verb("CartPole-v1", **{argument: value}, **PLAYING)
    assert int(agent.env_steps) == 0


@pytest.mark.parametrize(
    "verb", ["predict", "predict_on_batch", "train_on_batch", "test_on_batch"]
)
def test_verbs_of_arrays(verb):
    agent = make_agent()
    with pytest.raises(TypeError, match=f"`{verb}` takes.*CartPole-v1"):
        getattr(agent, verb)("CartPole-v1")
    targets = [] if verb.startswith("predict") else [np.zeros(8, int)]
    getattr(agent, verb)(X, *targets)


@pytest.mark.parametrize("made_inside", [True, False])
def test_distribute_strategy(made_inside):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    agent = make_agent()
    if made_inside:
        with strategy.scope():
            agent = make_agent()
            with pytest.raises(ValueError, match="MirroredStrategy"):
                fit(agent)
    # Keras has no value before one is set (keras 3.15).
    agent.distribute_reduction_method = "auto"
    for verb in (agent.fit, agent.evaluate):
        if made_inside:
            with pytest.raises(ValueError, match="MirroredStrategy"):
                verb("CartPole-v1", **PLAYING)
        else:
            with (
                strategy.scope(),
                pytest.raises(ValueError, match="MirroredStrategy"),
            ):
                verb("CartPole-v1", **PLAYING)


def test_save_unzipped(tmp_path):
    agent = make_agent()
    agent.save(tmp_path / "agent", zipped=False)
    loaded = keras.saving.load_model(tmp_path / "agent")
    np.testing.assert_array_equal(
        loaded.policy.get_weights()[0], agent.policy.get_weights()[0]
    )
    with pytest.raises(ValueError, match=r"zipped=False.*agent\.keras"):
        agent.save(tmp_path / "agent.keras", zipped=False)


def test_save_and_configs(tmp_path):
    agent = make_agent(network={"name": "cem"})
    fit(agent)
    made = keras.models.model_from_json(agent.to_json())
    again = cem.CEMAgent.from_config(agent.get_config())
    again.build_from_config(agent.get_build_config())
    path = tmp_path / "agent.weights.h5"
    agent.save_weights(path)
    for other in (made, again):
        other.compile_from_config(agent.get_compile_config())
        other.load_weights(path)
        np.testing.assert_array_equal(
            other.predict(X, verbose=0), agent.predict(X, verbose=0)
        )
        fit(other)
        assert int(other.iteration) == 2
    agent.save(tmp_path / "folder", zipped=False)
    assert (tmp_path / "folder").is_dir()


def test_layers_and_summary():
    agent = make_agent()
    fit(agent)
    assert agent.policy in agent.layers
    assert agent.get_layer(agent.policy.name) is agent.policy
    lines = []
    agent.summary(print_fn=lambda line, **_: lines.append(line))
    assert agent.policy.name in "".join(lines)
    y = np.zeros(8, int)
    outputs = agent.predict(X, verbose=0)
    with pytest.warns(UserWarning, match="compiled_loss"):
        loss = agent.compiled_loss(y, outputs)
    assert float(loss) == pytest.approx(agent.evaluate(X, y, verbose=0))
    with pytest.warns(UserWarning, match="compiled_metrics"):
        agent.compiled_metrics.update_state(y, outputs)


def test_state_tree():
    # The tree has the names of the models.
    agent, other = (make_agent(network={"name": "cem"}) for _ in range(2))
    fit(agent)
    other.set_state_tree(agent.get_state_tree())
    assert int(other.env_steps) == int(agent.env_steps) > 0


@pytest.mark.filterwarnings("ignore:Layer InputLayer does not have")
def test_quantize():
    agent = make_agent()
    playing = {"engine": "host", "max_episode_steps": 5}
    agent.collect("CartPole-v1", 1, **playing)
    agent.quantize("int8")
    assert agent.get_quantization_layer_structure("int8") is None
    kernel = agent.policy.layers[-1]
    kernel.bias.assign([-1000.0, 1000.0])
    assert agent.collect("CartPole-v1", 1, **playing).actions[0, 0] == 1
    assert len(agent._player._actors) == 1


def trained(**given):
    """An agent that has done two iterations, and its counters."""
    agent = make_agent(**given)
    fit(agent, epochs=2, callbacks=[cem.callbacks.EpsilonDecay()])
    return agent, counters(agent)


def counters(agent):
    return float(agent.epsilon), int(agent.iteration), int(agent.env_steps)


def test_counters_after_set_weights():
    agent, before = trained()
    # `EarlyStopping(restore_best_weights=True)` does the same.
    agent.set_weights(make_agent().get_weights())
    assert counters(agent) == before == (0.5, 2, 40)


def test_counters_of_a_loaded_model(tmp_path):
    agent, before = trained()
    agent.save(tmp_path / "agent.keras")
    loaded = keras.saving.load_model(tmp_path / "agent.keras")
    assert counters(loaded) == before


def test_counters_of_loaded_weights(tmp_path):
    agent, before = trained()
    agent.save_weights(tmp_path / "agent.weights.h5")
    other = make_agent()
    other.load_weights(tmp_path / "agent.weights.h5")
    assert counters(other) == before


def test_counters_of_a_resumed_fit(tmp_path):
    for epochs in (2, 3):
        agent = make_agent()
        callbacks = [
            cem.callbacks.EpsilonDecay(),
            cem.callbacks.Checkpoint(tmp_path),
        ]
        fit(agent, epochs=epochs, callbacks=callbacks, resume_from=tmp_path)
    assert counters(agent) == (pytest.approx(1 / 3), 3, 60)


def test_counters_after_swapped_means():
    agent, before = trained(optimizer=keras.optimizers.SGD(0.1, use_ema=True))
    swap = keras.callbacks.SwapEMAWeights()
    swap.set_model(agent)
    swap.on_test_begin()
    assert counters(agent) == before


ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in PAGE.read_text().splitlines()
    if line.startswith("| `")
]


def test_page_has_a_row_for_each_name_of_keras():
    """Those of `keras.Model` and its trainer, not those of any layer."""
    rows = re.findall(r"^\| (`.*?) \|", PAGE.read_text(), re.M)
    listed = {name for row in rows for name in re.findall(r"`(\w+)", row)}
    names = {
        name
        for cls in keras.Model.__mro__
        if cls.__module__.startswith("keras.")
        and ("trainer" in cls.__module__ or cls is keras.Model)
        for name in vars(cls)
        if not name.startswith("_")
    }
    assert names <= listed, names - listed


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:30])
def test_each_row_has_a_test_that_uses_what_it_names(row):
    test = globals()[row[-1].strip("`")]
    assert test.__name__.startswith("test_")
    source = inspect.getsource(test)
    for cls in (Counted, Measured):
        if cls.__name__ in source:
            source += inspect.getsource(cls)
    marks = getattr(test, "pytestmark", [])
    source += "".join(repr(mark.args) for mark in marks)
    names = re.findall(r"\w+", " ".join(re.findall("`(.*?)`", row[0])))
    assert [name for name in names if name not in source] == []


def test_no_two_rows_share_a_test():
    tests = [row[-1] for row in ROWS]
    assert len(tests) > 25
    assert len(set(tests)) == len(tests)
