import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import prng
from tests.export import agents
from tests.export.hiding import run_without_keras
from tests.helpers import DISCRETE, make_agent

pytestmark = pytest.mark.slow

LOADER = """
import numpy as np
import tensorflow as tf

folder, inputs, results = sys.argv[1:]
policy = tf.saved_model.load(folder)
with np.load(inputs) as given:
    observations, seed = given["observations"], given["seed"]
found = {}
for rows in (len(observations), 2):
    batch = tf.constant(observations[:rows])
    found[f"act_{rows}"] = policy.act(batch)
    found[f"logits_{rows}"] = policy.logits(batch)
    found[f"sample_{rows}"] = policy.act_sample(
        batch, tf.constant(seed), tf.constant(0.5)
    )
    served = policy.signatures["serving_default"](observations=batch)
    found[f"served_{rows}"] = served["actions"]
np.savez(results, **found)
"""


def _observations(observed, rows=7):
    (leaf,) = agents.draw_leaves(observed, rows)
    return leaf


def _exported(agent, folder):
    agent.export(folder / "policy")
    return tf.saved_model.load(folder / "policy")


@pytest.fixture(
    scope="module",
    params=[
        ("float32", "discrete"),
        ("discrete", "discrete"),
        ("uint8", "box"),
        ("float64", "float64_box"),
    ],
    ids="-".join,
)
def exported(request, tmp_path_factory):
    """An agent, some observations, and the agent's policy reloaded."""
    agent = agents.make_agent(*request.param)
    folder = tmp_path_factory.mktemp("exported")
    observations = _observations(request.param[0])
    return agent, observations, _exported(agent, folder), folder / "policy"


@pytest.mark.parametrize(("observed", "acted"), agents.PAIRS)
def test_tensorflow_acts_as_the_agent(observed, acted, tmp_path):
    agent = agents.make_agent(observed, acted)
    signatures = _exported(agent, tmp_path).signatures
    served = signatures["serving_default"]
    outputs = served.structured_outputs
    for name, root in (
        ("act", "actions"),
        ("act_sample", "actions"),
        ("logits", "logits"),
    ):
        assert set(signatures[name].structured_outputs) == {
            output for output in outputs if output.startswith(root)
        }

    def run(inputs):
        found = served(**{k: tf.constant(v) for k, v in inputs.items()})
        return {name: values.numpy() for name, values in found.items()}

    agents.assert_acts_as(agent, observed, run, atol=1e-5)


def test_exported_policy_acts_as_the_agent(exported):
    agent, observations, policy, _ = exported
    for rows in (7, 1, 3):
        batch = observations[:rows]
        actions = policy.act(tf.constant(batch))
        assert actions.dtype == agent.action_space.dtype
        assert actions.shape == (rows, *agent.action_space.shape)
        np.testing.assert_allclose(
            actions, [agent.act(each) for each in batch], rtol=1e-6, atol=1e-6
        )
        np.testing.assert_allclose(
            policy.logits(tf.constant(batch)),
            agent.predict(batch, verbose=0),
            rtol=1e-5,
            atol=1e-6,
        )


def test_inputs_have_name_and_dtype_of_the_space(exported):
    agent, _, policy, _ = exported
    assert set(policy.signatures) == {
        "serving_default",
        "act",
        "logits",
        "act_sample",
    }
    space = agent.observation_space
    expected = tf.TensorSpec(
        (None, *space.shape), space.dtype, name="observations"
    )
    for name in ("serving_default", "act", "logits"):
        _, inputs = policy.signatures[name].structured_input_signature
        assert inputs == {"observations": expected}
    _, inputs = policy.signatures["act_sample"].structured_input_signature
    assert inputs == {
        "observations": expected,
        "seed": tf.TensorSpec((2,), tf.int32, name="seed"),
        "epsilon": tf.TensorSpec((), tf.float32, name="epsilon"),
    }


def test_outputs_have_the_names_of_serving_default(exported):
    _, _, policy, _ = exported
    named = {
        name: set(signature.structured_outputs)
        for name, signature in policy.signatures.items()
    }
    assert named == {
        "serving_default": {"actions", "logits"},
        "act": {"actions"},
        "act_sample": {"actions"},
        "logits": {"logits"},
    }


@pytest.mark.parametrize(
    "exported", [("discrete", "discrete")], ids="-".join, indirect=True
)
def test_policy_acts_the_same_where_keras_cannot_be_imported(
    exported, tmp_path
):
    _, observations, here, folder = exported
    seed = np.array([5, -6], np.int32)
    np.savez(tmp_path / "given.npz", observations=observations, seed=seed)
    given, found = tmp_path / "given.npz", tmp_path / "found.npz"
    run_without_keras(LOADER, folder, given, found, cwd=tmp_path)
    with np.load(tmp_path / "found.npz") as found:
        for rows in (7, 2):
            batch = tf.constant(observations[:rows])
            np.testing.assert_array_equal(found[f"act_{rows}"], here.act(batch))
            np.testing.assert_array_equal(
                found[f"served_{rows}"], here.act(batch)
            )
            np.testing.assert_allclose(
                found[f"logits_{rows}"], here.logits(batch), rtol=1e-6
            )
            np.testing.assert_allclose(
                found[f"sample_{rows}"],
                here.act_sample(batch, tf.constant(seed), tf.constant(0.5)),
                rtol=1e-6,
            )


def test_samples_follow_seed_and_epsilon(tmp_path):
    agent = agents.make_agent("float32", "discrete")
    policy = _exported(agent, tmp_path)
    rows = 20_000
    batch = tf.tile(tf.constant([[0.5, -1.0, 2.0]]), (rows, 1))

    def sample(seed, epsilon):
        seed = tf.constant(seed, tf.int32)
        return policy.act_sample(batch, seed, tf.constant(epsilon)).numpy()

    first = sample([1, -2], 0.25)
    np.testing.assert_array_equal(first, sample([1, -2], 0.25))
    for other in ([1, 2], [2, -2], [-2, 1]):
        assert np.mean(first == sample(other, 0.25)) < 0.9
    logits = policy.logits(batch[:1]).numpy()[0]
    softmax = np.exp(logits) / np.exp(logits).sum()
    for epsilon in (0.0, 0.25, 1.0):
        expected = rows * ((1 - epsilon) * softmax + epsilon / 4)
        counts = np.bincount(sample([3, 4], epsilon) - 2, minlength=4)
        # chi^2 with 3 degrees of freedom exceeds 21.1 once in 10,000.
        assert np.sum((counts - expected) ** 2 / expected) < 21.1


def test_samples_of_a_box_stay_inside(tmp_path):
    policy = _exported(agents.make_agent("float64", "float64_box"), tmp_path)
    batch = tf.constant(_observations("float64", 500))
    actions = policy.act_sample(batch, tf.constant([1, 2]), tf.constant(3.0))
    space = agents.ACTION_SPACES["float64_box"].to_gymnasium()
    assert all(space.contains(action) for action in actions.numpy())
    assert len(np.unique(actions)) > 100
    greedy = policy.act_sample(batch, tf.constant([1, 2]), tf.constant(0.0))
    np.testing.assert_array_equal(greedy, policy.act(batch))


def test_dropout_and_batch_normalisation_are_off(tmp_path):
    policy = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(4),
        ]
    )
    agent = make_agent(DISCRETE, policy)
    exported = _exported(agent, tmp_path)
    batch = tf.constant(_observations("float32"))
    for _ in range(2):
        np.testing.assert_allclose(
            exported.logits(batch), policy(batch, training=False), rtol=1e-5
        )


def test_export_again_follows_the_agent(tmp_path):
    agent = agents.make_agent("float32", "discrete")
    batch = tf.constant(_observations("float32"))
    before = _exported(agent, tmp_path)
    agent.policy.layers[-1].bias.assign([10.0, 0.0, 0.0, 0.0])
    after = _exported(agent, tmp_path)
    np.testing.assert_allclose(
        after.logits(batch) - before.logits(batch),
        np.tile([10.0, 0, 0, 0], (7, 1)),
        atol=1e-5,
    )


def test_stream_of_samples_is_not_that_of_training(tmp_path):
    """A user's seed (0, 0) must not repeat the exploration of seed 0."""
    agent = agents.make_agent("float32", "discrete")
    policy = _exported(agent, tmp_path)
    batch = tf.tile(tf.constant([[0.5, -1.0, 2.0]]), (200, 1))
    counter = (tf.range(200), tf.zeros(200, tf.int32))
    trained, _ = agent.head.explore(
        agent.policy(batch),
        1.0,
        prng.make_key(0, prng.EXPLORATION),
        tuple(tf.cast(word, tf.uint32) for word in counter),
        (),
    )
    sampled = policy.act_sample(batch, tf.constant([0, 0]), tf.constant(1.0))
    assert np.mean(sampled.numpy() == trained.numpy()) < 0.5
