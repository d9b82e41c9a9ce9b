"""The model card of a run."""

import json

import pytest
import yaml

from keras_cem.cli.hub import model_card
from keras_cem.cli.main import main
from keras_cem.cli.run.folder import RunFolder

CONFIG = {
    "flags": {"env": "CartPole-v1", "batch_size": 32, "optimizer": "adam"},
    "versions": {"keras_cem": "0.1.0"},
}
RESULTS = {"episode_returns": [470.0, 490.0], "env_steps": 12345, "seed": 3}


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "results.json").write_text(json.dumps(RESULTS))
    return folder


def card_of(run, config=CONFIG, repo=None):
    return model_card.render(RunFolder(run), config, repo)


def metadata(card):
    _, head, _ = card.split("---\n", 2)
    return yaml.safe_load(head)


def test_metadata_is_as_the_hub_reads_it(run):
    found = metadata(card_of(run))
    assert found["library_name"] == "keras"
    assert {"reinforcement-learning", "CartPole-v1"} < set(found["tags"])
    (result,) = found["model-index"][0]["results"]
    assert result["dataset"] == {"name": "CartPole-v1", "type": "CartPole-v1"}
    assert result["metrics"][0]["type"] == "mean_reward"
    # Mean and standard deviation of 470 and 490.
    assert result["metrics"][0]["value"] == "480.00 +/- 10.00"


def test_card_says_what_was_reached_and_how_to_load_it(run):
    card = card_of(run, repo="me/cartpole")
    assert "over 2 new episodes: 480.00 ± 10.00." in card
    assert "Solved: the threshold is 475." in card
    assert "12,345 environment steps" in card
    assert "keras-cem evaluate --hub=me/cartpole\n" in card
    assert 'hf_hub_download("me/cartpole", "agent.keras")' in card
    assert "learning_curve" not in card


def test_settings_are_those_that_differ_from_the_defaults(run):
    settings = card_of(run).split("```json\n")[1].split("\n```")[0]
    assert json.loads(settings) == {"env": "CartPole-v1", "batch_size": 32}


@pytest.mark.parametrize(
    "env", ['Evil"\n---\n# <script>', "a: {b}", "ä`|*x-v0"]
)
def test_untrusted_text_stays_text(run, env):
    card = card_of(run, {"flags": {"env": env}, "versions": {env: env}})
    found = metadata(card)
    assert env in found["tags"]
    assert found["model-index"][0]["results"][0]["dataset"]["name"] == env
    assert "<script>" not in card.split("## Settings")[0].split("---\n", 2)[2]


def test_unfinished_run_is_refused(run):
    (run / "results.json").unlink()
    with pytest.raises(ValueError, match="must be a finished run"):
        card_of(run)


def test_command_writes_the_card(run, tmp_path, capsys):
    (run / "learning_curve.png").write_bytes(b"picture")
    output = tmp_path / "out"
    arguments = [f"--run={run}", f"--output={output}", "--repo=me/cartpole"]
    assert main(["card", *arguments]) == 0
    card = (output / "README.md").read_text()
    assert card == card_of(run, repo="me/cartpole")
    assert "![Learning curve](learning_curve.png)" in card
    assert f"Model card: {output / 'README.md'}" in capsys.readouterr().out
