"""`keras-cem report`."""

import json
import shutil

import pytest

from keras_cem.cli.main import main
from keras_cem.cli.run import provenance
from keras_cem.cli.run.folder import RunFolder
from tests.cli import small_run
from tests.cli.report.report_page_test import EVIL, Parsed

pytestmark = pytest.mark.slow

SMALL = [*small_run.SMALL, "--seed=1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", *SMALL, f"--output={folder}"]) == 0
    return folder


@pytest.fixture
def run(trained, tmp_path):
    """A copy to tamper with."""
    return shutil.copytree(trained, tmp_path / "run")


def rows(path):
    page = Parsed(path.read_text(encoding="utf-8"))
    names, values = (
        [text for _, text in page.all(tag)] for tag in ("th", "td")
    )
    return page, dict(zip(names, values, strict=True))


def test_train_leaves_a_page_of_the_run(trained):
    page, values = rows(trained / "report.html")
    results = json.loads((trained / "results.json").read_text())
    assert values["env"] == "CartPole-v1"
    assert values["batch_size"] == "4"
    assert values["episode_return_max"] == str(max(results["episode_returns"]))
    assert "episode_returns" not in values
    stages = json.loads((trained / "returns.json").read_text())["stages"]
    assert json.loads(page.all("script")[0][1]) == stages
    assert [image["alt"] for image, _ in page.all("img")] == ["Learning curve"]
    assert page.all("video") == []


def test_page_takes_up_what_came_later(run, tmp_path, capsys):
    assert main(["record", f"--run={run}", "--max_frames=2"]) == 0
    assert main(["plot", f"--run={run}", "--dimensions=2,0"]) == 0
    output = tmp_path / "elsewhere"
    assert main(["report", f"--run={run}", f"--output={output}"]) == 0
    assert f"Report: {output / 'report.html'}" in capsys.readouterr().out
    page, _ = rows(output / "report.html")
    assert len(page.all("video")) == 1
    assert len(page.all("img")) == 2
    maps = json.loads(page.all("script")[0][1])
    assert maps["dimensions"] == [2, 0]
    assert [each["iteration"] for each in maps["maps"]] == [1, 2]


def test_what_an_earlier_agent_made_is_left_out_and_named(run, capsys):
    assert main(["record", f"--run={run}", "--max_frames=2"]) == 0
    assert main(["plot", f"--run={run}", "--dimensions=2,0"]) == 0
    # As when training goes on and finds a better one.
    (run / "agent.keras").write_bytes((run / "last.keras").read_bytes() + b"0")
    capsys.readouterr()
    assert main(["report", f"--run={run}"]) == 0
    printed = capsys.readouterr().out
    for name, command in [("video.mp4", "record"), ("policy_map.png", "plot")]:
        assert f"Left out of the report: {run / name}, because it" in printed
        assert f"To make it again: keras-cem {command} --run={run}\n" in printed
    page, _ = rows(run / "report.html")
    assert page.all("video") == []
    assert [image["alt"] for image, _ in page.all("img")] == ["Learning curve"]
    # Returns, and the page's own.
    assert len(page.all("script")) == 2


def test_run_that_goes_on_has_a_page(run):
    for path in run.iterdir():
        if path.suffix in (".png", ".html") or path.stem in (
            "results",
            "returns",
        ):
            path.unlink()
    assert main(["report", f"--run={run}"]) == 0
    page, values = rows(run / "report.html")
    assert values["training"] == "not finished"
    assert page.all("img") == []
    assert len(page.all("script")) == 1


def test_large_files_are_left_out_and_named(run, capsys):
    with open(run / "video.mp4", "wb") as file:
        file.truncate(2**25 + 1)
    folder = RunFolder(run)
    provenance.note(folder, folder.mp4)
    assert main(["report", f"--run={run}"]) == 0
    assert "Left out of the report" in capsys.readouterr().out
    page, _ = rows(run / "report.html")
    assert page.all("video") == []


def test_what_a_stranger_wrote_stays_text(run):
    config = json.loads((run / "config.json").read_text())
    config["flags"]["env"] = "My-v0" + EVIL
    config["flags"][EVIL] = [EVIL]
    # Half of a character, which UTF-8 does not have.
    config["versions"] = {EVIL: "\ud800"}
    (run / "config.json").write_text(json.dumps(config))
    results = json.loads((run / "results.json").read_text())
    (run / "results.json").write_text(json.dumps({**results, "solved": EVIL}))
    assert main(["report", f"--run={run}"]) == 0
    page, values = rows(run / "report.html")
    assert values["solved"] == EVIL
    assert values["env"] == "My-v0" + EVIL
    assert "?" in [text for _, text in page.all("td")]
    assert len(page.all("script")) == 2
    assert len(page.all("img")) == 1


def test_environment_in_a_module_is_not_imported(run):
    config = json.loads((run / "config.json").read_text())
    config["flags"]["env"] = "no_such_module:My-v0"
    (run / "config.json").write_text(json.dumps(config))
    assert main(["report", f"--run={run}"]) == 0


def test_run_that_is_no_run_is_named(tmp_path, capsys):
    assert main(["report", f"--run={tmp_path}"]) == 2
    assert f"train` in {tmp_path}. " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["report.html", ".partial-report.html"])
def test_no_link_is_written_through(name, trained, tmp_path, capsys):
    precious, output = tmp_path / "precious", tmp_path / "elsewhere"
    precious.write_text("mine")
    output.mkdir()
    (output / name).symlink_to(precious)
    assert main(["report", f"--run={trained}", f"--output={output}"]) == 2
    assert (
        f"{output / name} must not be a symbolic link"
        in capsys.readouterr().err
    )
    assert precious.read_text() == "mine"


@pytest.mark.parametrize(
    "content",
    ["[]", "{}", '{"episode_returns": 3}', '{"episode_returns": ["x"]}'],
)
def test_results_that_are_none_are_refused(content, run, capsys):
    (run / "results.json").write_text(content)
    assert main(["report", f"--run={run}"]) == 2
    assert "results.json must be a file written by" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("returns", "shown"),
    [("[NaN, 3.0, 1.0, Infinity]", ("1.0", "3.0")), ("[NaN]", (None, None))],
)
def test_returns_that_are_not_finite_are_left_out(returns, shown, run):
    results = json.loads((run / "results.json").read_text())
    results["episode_returns"] = "RETURNS"
    text = json.dumps(results).replace('"RETURNS"', returns)
    (run / "results.json").write_text(text)
    assert main(["plot", f"--run={run}"]) == 0
    assert main(["report", f"--run={run}"]) == 0
    _, values = rows(run / "report.html")
    ends = ("episode_return_min", "episode_return_max")
    assert tuple(values.get(end) for end in ends) == shown


def test_page_begins_with_what_was_reached(trained):
    text = (trained / "report.html").read_text(encoding="utf-8")
    begin = text[text.index("<h1>") :]
    order = [
        begin.index(each)
        for each in (
            "Greedy return over 3 new episodes: ",
            "Not solved: the threshold is 475.",
            "Learning curve",
            "No film: ",
            "Settings that differ from the defaults",
            "<summary>All other settings</summary>",
            'href="results.json"',
        )
    ]
    assert order == sorted(order)
