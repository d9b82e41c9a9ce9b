import csv
import json

import numpy as np
import pytest

from keras_cem.cli.doubling import Doubling
from keras_cem.cli.main import main
from keras_cem.cli.run_folder import RunFolder
from keras_cem.cli.training_env import TrainingEnv
from tests.cli.small_run import SMALL


@pytest.mark.parametrize(
    ("bounds", "reward"),
    [((None, 0.25), 0.25), ((3.0, None), 3.0), ((-1.0, 2.0), 1.0)],
)
def test_rewards_are_within_bounds(bounds, reward):
    least, most = bounds
    make = TrainingEnv(
        "CartPole-v1", None if least is None else Doubling(least), most
    )
    env = make()
    env.reset(seed=0)
    assert env.step(0)[1] == reward
    assert make() is not env


def test_both_bounds_hold_and_the_least_reward_doubles():
    least = Doubling(-1.5, 10)
    env = TrainingEnv("Pendulum-v1", least, -1.0)()

    def rewards():
        env.reset(seed=0)
        return {float(env.step(env.action_space.low)[1]) for _ in range(200)}

    assert min(rewards()) == -1.5
    assert max(rewards()) == -1
    least.iterations = 25
    assert min(rewards()) == -6


@pytest.mark.parametrize(
    ("limit", "doubled"), [([], -0.2), (["--last_min_reward=-0.015"], -0.15)]
)
def test_training_is_told_when_the_least_reward_doubles(
    tmp_path, limit, doubled
):
    # Pendulum loses 16 a step at most, and less than 0.01 hardly ever.
    folder = tmp_path / "run"
    given = [
        *SMALL,
        "--env=Pendulum-v1",
        "--nopreset",
        f"--output={folder}",
        "--noreport",
        "--min_reward=-0.01",
        "--min_reward_doubling_steps=2",
        *limit,
        "--epochs=4",
    ]
    assert main(["train", *given]) == 0
    with RunFolder(folder).history.open() as file:
        returns = [float(row["episode_return"]) for row in csv.DictReader(file)]
    # Ten steps an episode.
    assert returns == pytest.approx([-0.1, -0.1, doubled, doubled], rel=1e-3)


def test_segments_are_those_of_the_clipped_environment():
    env = TrainingEnv(
        "CartPole-v1", max_reward=0.25, segment_steps=Doubling(2)
    )()
    env.reset(seed=0)
    env.step(0)
    last, reward, *ended, _ = env.step(1)
    assert (reward, *ended) == (0.25, False, True)
    assert np.array_equal(env.reset(seed=0)[0], last)


def test_training_plays_segments_and_greedy_episodes_are_whole(tmp_path):
    folder = tmp_path / "run"
    arguments = [*SMALL, "--nopreset", f"--output={folder}", "--noreport"]
    assert main(["train", *arguments, "--segment_steps=3"]) == 0
    with RunFolder(folder).history.open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        assert float(row["episode_length"]) <= 3
        assert float(row["val_episode_length"]) >= 8


def test_training_sees_them_clipped_and_greedy_episodes_do_not(tmp_path):
    folder = tmp_path / "run"
    arguments = [*SMALL, "--nopreset", f"--output={folder}", "--noreport"]
    assert main(["train", *arguments, "--max_reward=0.25"]) == 0
    rows = RunFolder(folder).history.read_text().splitlines()
    names = rows[0].split(",")
    for row in rows[1:]:
        epoch = dict(zip(names, map(float, row.split(",")), strict=True))
        assert epoch["episode_return"] == epoch["episode_length"] / 4
        assert epoch["val_episode_return"] == epoch["val_episode_length"]
    results = json.loads(RunFolder(folder).results.read_text())
    assert results["episode_return_mean"] >= 8


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["--min_reward=2", "--max_reward=1"],
            "at most --max_reward. Received: --min_reward=2.0, "
            "--max_reward=1.0",
        ),
        (
            ["--min_reward=-1", "--engine=graph"],
            "Received: --engine=graph, --min_reward=-1.0, --max_reward=None, "
            "--segment_steps=None",
        ),
        (
            ["--segment_steps=5", "--engine=graph"],
            "--max_reward=None, --segment_steps=5",
        ),
        (
            ["--segment_steps=5", "--max_episode_steps=5"],
            "less than --max_episode_steps. Received: --segment_steps=5, "
            "--max_episode_steps=5",
        ),
        (
            ["--segment_steps=5", "--episodes_per_start=4"],
            "Received: --episodes_per_start=4, --segment_steps=5",
        ),
        (
            ["--segment_doubling_steps=5"],
            "needs --segment_steps, which are doubled. Received: "
            "--segment_doubling_steps=5",
        ),
        (
            [
                "--segment_steps=5",
                "--segment_doubling_steps=5",
                "--vectorization_mode=async",
            ],
            "Received: --vectorization_mode=async, --segment_doubling_steps=5",
        ),
        (
            ["--min_reward_doubling_steps=5"],
            "needs a --min_reward below 0, which is doubled. Received: "
            "--min_reward_doubling_steps=5, --min_reward=None",
        ),
        (
            ["--min_reward_doubling_steps=5", "--min_reward=0"],
            "--min_reward_doubling_steps=5, --min_reward=0.0",
        ),
        (
            [
                "--min_reward=-1",
                "--min_reward_doubling_steps=5",
                "--vectorization_mode=async",
            ],
            "Received: --vectorization_mode=async, "
            "--min_reward_doubling_steps=5",
        ),
        (
            ["--min_reward=-1", "--last_min_reward=-4"],
            "--last_min_reward needs --min_reward_doubling_steps, and must be "
            "at most --min_reward. Received: --last_min_reward=-4.0, "
            "--min_reward=-1.0, --min_reward_doubling_steps=None",
        ),
        (
            [
                "--min_reward=-3",
                "--min_reward_doubling_steps=5",
                "--last_min_reward=-2",
            ],
            "--last_min_reward=-2.0, --min_reward=-3.0, "
            "--min_reward_doubling_steps=5",
        ),
        (["--segment_steps=0"], "--segment_steps=0"),
        (["--min_reward=nan"], "must be finite"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, capsys, given, message):
    folder = tmp_path / "run"
    arguments = [*SMALL, "--nopreset", f"--output={folder}", *given]
    assert main(["train", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not folder.exists()
