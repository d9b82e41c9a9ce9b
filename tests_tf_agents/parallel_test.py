"""`ParallelPyEnvironment`, from a script as its users have to write it."""

from tests import processes

SCRIPT = """
import functools

from keras_cem.adapters.tf_agents import loading

loading.load()

from tf_agents.environments import parallel_py_environment, wrappers
from tf_agents.system import system_multiprocessing

from tests_tf_agents import helpers, toys


def limited(**kwargs):
    return wrappers.TimeLimit(toys.Py(**kwargs), 9)


class Failing(toys.Py):
    def _step(self, action):
        raise ValueError("engine lost")


def main(argv):
    # Before TensorFlow has threads of its own, which a fork would lose.
    envs = [
        parallel_py_environment.ParallelPyEnvironment(
            [functools.partial(limited, **kwargs)] * 2, **options
        )
        for kwargs, options in [
            ({}, {}),
            ({"handle_auto_reset": True}, {"flatten": True}),
            ({"seedable": False}, {}),
        ]
    ]
    failing = parallel_py_environment.ParallelPyEnvironment([Failing] * 2)
    agent = helpers.make_agent()
    for env, single in zip(
        envs, [limited(), limited(), limited(seedable=False)], strict=True
    ):
        helpers.assert_same_trajectories(
            agent.collect(env, 5, epsilon=0.7),
            agent.collect(single, 5, epsilon=0.7),
        )
    envs[0].envs[1].close()
    try:
        agent.collect(envs[0], 5, epsilon=0.7)
    except RuntimeError as error:
        print("says", error)
    try:
        agent.collect(failing, 2, max_episode_steps=9)
    except RuntimeError as error:
        print("tells", error)
    for env in [*envs, failing]:
        env.close()
    print("same trajectories")


if __name__ == "__main__":
    system_multiprocessing.handle_main(main)
"""


def test_plays_what_one_environment_plays(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    ended = processes.run(script)
    assert ended.stdout.endswith("same trajectories\n")
    # A process that is gone is an error, not a hang.
    assert "says `reset` of the environment raised" in ended.stdout
    # An exception is told without the traceback of its process.
    assert (
        "tells `step` of the environment raised RuntimeError: "
        "ValueError: engine lost. " in ended.stdout
    )
    assert "sub-environment 0, trajectory 0, step 0" in ended.stdout
