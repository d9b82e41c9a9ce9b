"""docs/tf_agents.md and the example run, as users run them."""

import os
import pathlib
import re
import runpy
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
BLOCKS = re.findall(
    r"^```python\n(.*?)^```",
    (ROOT / "docs" / "tf_agents.md").read_text(),
    re.M | re.S,
)
SCRIPTS = [block for block in BLOCKS if "__main__" in block]


def run(script, *arguments, cwd):
    ended = subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={
            **{k: os.environ[k] for k in os.environ if "LEGACY_KERAS" not in k},
            "PYTHONPATH": str(ROOT),
        },
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_code_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = tmp_path / "page.py"
    program.write_text("\n".join(x for x in BLOCKS if x not in SCRIPTS))
    page = runpy.run_path(str(program))
    assert page["result"]["episode_return"] > 1
    assert float(page["metric"].result()) > 1
    assert page["step"].action in (0, 1)
    assert page["time_step"].observation.shape == (64, 4)
    page["env"].close()


def test_script_of_the_page_runs(tmp_path):
    (script,) = SCRIPTS
    (tmp_path / "parallel.py").write_text(script)
    assert float(run("parallel.py", cwd=tmp_path)) > 1


def test_example_runs(tmp_path):
    printed = run(
        ROOT / "examples" / "tf_agents_cartpole.py",
        "--epochs=1",
        "--batch_size=4",
        "--episodes=2",
        cwd=tmp_path,
    )
    (mean,) = re.findall(r"TF-Agents' driver: ([\d.]+)", printed)
    (total,) = re.findall(r"loaded policy: (\d+)", printed)
    assert float(mean) > 1
    assert int(total) > 1
    assert (tmp_path / "policy" / "saved_model.pb").is_file()
