"""Trains on a TF-Agents environment and gives the policy to TF-Agents.

python examples/tf_agents_cartpole.py --output=policy

Needs `pip install 'keras-cem[tf-agents]'`.
"""

import keras
from absl import app, flags

import keras_cem as cem

# Before anything else of TF-Agents: sets what its import needs.
from keras_cem.adapters.tf_agents import CEMPolicy

# isort: split
from tf_agents.drivers import dynamic_episode_driver
from tf_agents.environments import suite_gym, tf_py_environment
from tf_agents.metrics import tf_metrics
from tf_agents.policies import policy_saver, py_tf_eager_policy

_OUTPUT = flags.DEFINE_string("output", "policy", "Folder to save to.")
_EPOCHS = flags.DEFINE_integer("epochs", 100, "Maximum number of iterations.")
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 16, "K, episodes per iteration."
)
_EPISODES = flags.DEFINE_integer(
    "episodes", 20, "Episodes of the final evaluation."
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of all random numbers.")


def train(env: tf_py_environment.TFPyEnvironment) -> cem.CEMAgent:
    """Returns an agent that has learned in an environment of TF-Agents."""
    agent = cem.CEMAgent.from_env(
        env,
        hidden_units=(128,),
        elite_quantile=0.7,
        gradient_steps=10,
        seed=_SEED.value,
    )
    agent.compile(optimizer=keras.optimizers.Adam(1e-2))
    agent.fit(
        env,
        batch_size=_BATCH_SIZE.value,
        epochs=_EPOCHS.value,
        validation_data=env,
        validation_batch_size=50,
        callbacks=[
            cem.callbacks.EpsilonDecay(),
            cem.callbacks.StopOnEpisodeReturn(475),
        ],
        verbose=2,
    )
    return agent


def main(argv: list[str]) -> None:
    """Trains, evaluates by TF-Agents' driver, saves, reloads and plays."""
    del argv
    env = tf_py_environment.TFPyEnvironment(suite_gym.load("CartPole-v1"))
    agent = train(env)

    policy = CEMPolicy(agent, env.time_step_spec(), env.action_spec())
    metric = tf_metrics.AverageReturnMetric(buffer_size=_EPISODES.value)
    dynamic_episode_driver.DynamicEpisodeDriver(
        env, policy, [metric], num_episodes=_EPISODES.value
    ).run()
    print(f"AverageReturn by TF-Agents' driver: {float(metric.result()):.1f}")

    policy_saver.PolicySaver(policy).save(_OUTPUT.value)
    loaded = py_tf_eager_policy.SavedModelPyTFEagerPolicy(
        _OUTPUT.value, load_specs_from_pbtxt=True
    )
    # The environment inside, stepped as TF-Agents steps it.
    (single,) = env.pyenv.envs
    time_step, total = single.reset(), 0.0
    while not time_step.is_last():
        time_step = single.step(loaded.action(time_step).action)
        total += float(time_step.reward)
    print(f"One episode with the loaded policy: {total:.0f}")
    env.close()


if __name__ == "__main__":
    app.run(main)
