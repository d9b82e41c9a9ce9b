"""What the pages under docs/ show is run."""

import pathlib
import re

import minari
import numpy as np
import pytest
from minari.data_collector import EpisodeBuffer

from keras_cem.engines.graph.source import GraphSource

pytestmark = pytest.mark.slow

DOCS = pathlib.Path(__file__).parents[1] / "docs"
# tests_tf_agents runs the first, tests/envs the second, tests/adapters/ray the
# third.
ELSEWHERE = ("tf_agents.md", "environments.md", "workers.md")


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


@pytest.fixture
def without_xla(monkeypatch):
    """Compiling takes longer than all that the pages train."""
    monkeypatch.setattr(GraphSource, "compilable", lambda *_: False)


@pytest.mark.parametrize(
    "page",
    [
        path.name
        for path in sorted(DOCS.glob("*.md"))
        if "```python" in path.read_text() and path.name not in ELSEWHERE
    ],
)
@pytest.mark.usefixtures("datasets", "without_xla")
def test_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    found = re.findall(
        r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.M | re.S
    )
    code = compile("\n".join(found), page, "exec")
    exec(code, {"__name__": "page"})  # noqa: S102
