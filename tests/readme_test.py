"""The code of README.md runs.

`make versions` runs this with the installed wheel, without the extras.
"""

import pathlib
import re

import pytest

README = pathlib.Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.M | re.S)


def test_readme_shows_code_that_runs_by_line_30():
    assert README.read_text().splitlines().index("```python") < 30


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS)
def test_readme_code_runs(block, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})  # noqa: S102
    printed = capsys.readouterr().out
    (episode_return,) = re.findall(r"'episode_return': ([\d.]+)\}", printed)
    assert float(episode_return) >= 475
    assert (tmp_path / "agent.keras").is_file()
    assert (tmp_path / "policy" / "saved_model.pb").is_file()
