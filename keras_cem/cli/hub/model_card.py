"""The model card of a run: README.md of a repository on the Hub."""

import json
from typing import Any

import gymnasium

from keras_cem.cli.flags import train_flags
from keras_cem.cli.run.folder import RunFolder
from keras_cem.cli.run.results import read_results

FILE = "README.md"
# The Hub shows a film of this name beside the card.
FILM = "replay.mp4"

_CARD = """\
---
{metadata}
---

# {title}

A policy trained with the deep cross-entropy method by
[keras_cem](https://github.com/keras-cem/keras-cem). It learned by imitating its
own best episodes.

## Result

{result}

{picture}## Use it

```bash
pip install 'keras-cem[hub]'
keras-cem evaluate --hub={repo}
```

```python
import keras
import keras_cem  # registers the class of the agent
from huggingface_hub import hf_hub_download

agent = keras.saving.load_model(hf_hub_download("{repo}", "agent.keras"))
action = agent.act(observation)
```

## Settings

Those that differ from the defaults of `keras-cem train`; `config.json` has all.

```json
{settings}
```

Versions: {versions}.
"""


def render(
    folder: RunFolder, config: dict[str, Any], repo: str | None = None
) -> str:
    """Returns the model card of a run.

    Args:
        folder: The run, which may be untrusted.
        config: The content of its config.json.
        repo: Name of the repository, `user/name`. Defaults to `None`: a place
            holder.

    Raises:
        ValueError: If results.json is missing or damaged.
    """
    results = read_results(folder.results)
    if not results.get("episode_returns"):
        raise ValueError(
            f"{folder.path} must be a finished run. Received: no returns in "
            f"{folder.results.name}"
        )
    env = config["flags"]["env"]
    picture = folder.learning_curve
    return _CARD.format(
        metadata="\n".join(_metadata(env, results)),
        title=_line(f"Cross-entropy method on {env}"),
        result=result(env, results),
        picture=(
            f"![Learning curve]({picture.name})\n\n"
            if picture.is_file()
            else ""
        ),
        repo=repo or "USER/NAME",
        settings=json.dumps(train_flags.changed(config["flags"]), indent=2),
        versions=", ".join(
            _line(f"{name} {version}")
            for name, version in dict(config.get("versions") or {}).items()
        ),
    )


def _metadata(env: str, results: dict[str, Any]) -> list[str]:
    """Returns the lines of YAML; a JSON string is a string of YAML."""
    named = json.dumps(env)
    mean, deviation = _mean(results)
    value = json.dumps(f"{mean:.2f} +/- {deviation:.2f}")
    return [
        "library_name: keras",
        "tags:",
        f"- {named}",
        "- deep-reinforcement-learning",
        "- reinforcement-learning",
        "- cross-entropy-method",
        "- keras-cem",
        "model-index:",
        "- name: CEM",
        "  results:",
        "  - task:",
        "      type: reinforcement-learning",
        "      name: reinforcement-learning",
        "    dataset:",
        f"      name: {named}",
        f"      type: {named}",
        "    metrics:",
        "    - type: mean_reward",
        f"      value: {value}",
        "      name: mean_reward",
        "      verified: false",
    ]


def result(env: str, results: dict[str, Any]) -> str:
    """Returns what a run reached, as a line per sentence.

    Args:
        env: Id of the environment.
        results: The content of results.json, with returns.
    """
    mean, deviation = _mean(results)
    lines = [
        f"Greedy return over {len(results['episode_returns'])} new episodes: "
        f"{mean:.2f} ± {deviation:.2f}."
    ]
    spec = None if ":" in env else gymnasium.registry.get(env)
    if spec is not None and spec.reward_threshold is not None:
        solved = mean >= spec.reward_threshold
        lines.append(
            f"{'Solved' if solved else 'Not solved'}: the threshold is "
            f"{spec.reward_threshold:g}."
        )
    steps, seed = results.get("env_steps"), results.get("seed")
    if isinstance(steps, int):
        lines.append(f"Trained for {steps:,} environment steps.")
    if isinstance(seed, int):
        lines.append(f"Seed {seed}.")
    return "\n".join(lines)


def _mean(results: dict[str, Any]) -> tuple[float, float]:
    """Returns mean and standard deviation of the returns."""
    returns = results["episode_returns"]
    mean = sum(returns) / len(returns)
    variance = sum((each - mean) ** 2 for each in returns) / len(returns)
    return mean, variance**0.5


def _line(text: str) -> str:
    """Returns untrusted text as one line without markup."""
    return "".join(
        each if each.isalnum() or each in " -_.:/+()" else "?" for each in text
    )
