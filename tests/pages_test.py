"""What the pages under docs/ show is run."""

import pathlib
import re

import minari
import numpy as np
import pytest
from minari.data_collector import EpisodeBuffer

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    """Minari's folder, with the dataset that a page loads."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    generator = np.random.default_rng(0)
    buffers = [
        EpisodeBuffer(
            observations=generator.normal(size=(steps + 1, 4)).astype(
                "float32"
            ),
            actions=generator.integers(0, 2, steps),
            rewards=[1.0] * steps,
            terminations=[False] * (steps - 1) + [True],
            truncations=[False] * steps,
            infos={},
        )
        for steps in range(5, 25)
    ]
    minari.create_dataset_from_buffers(
        "toy/cartpole-v0",
        buffers,
        env="CartPole-v1",
        eval_env="CartPole-v1",
        algorithm_name="at random",
        author="nobody",
        author_email="nobody@example.org",
        code_permalink="none",
        description="Made up.",
    )


@pytest.mark.parametrize(
    "page", ["exploration.md", "recorded_episodes.md", "elite_steps.md"]
)
@pytest.mark.usefixtures("datasets")
def test_code_of_a_page_runs(page):
    text = (ROOT / "docs" / page).read_text()
    found = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert found
    exec(compile("\n".join(found), page, "exec"), {})  # noqa: S102
