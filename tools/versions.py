"""Tests the wheel in dist/ with the oldest and the newest supported packages.

setup.cfg says what is supported: `install_requires` the oldest packages, the
classifiers the versions of Python. Each combination has an environment of its
own, `.venv-oldest` and `.venv-newest-3.11`, say, which later calls only bring
up to date. Each runs the smoke tests with the installed wheel. The first of the
newest environments also runs the golden tests and the code of README.md. All
use XLA's default flags; `make test` does not. A Python that is not on this
machine is skipped and named, and so is an environment for which the package
index cannot be reached.

    make versions
"""

import configparser
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[1]
SMOKE_TESTS = "tests/smoke_test.py"
NEWEST_TESTS = ("tests/golden_test.py", "tests/readme_test.py")
CLASSIFIER = "Programming Language :: Python :: 3."

# What an environment holds, in its own words.
REPORT = """
import importlib.metadata, json, platform, sys
names = sys.argv[1:]
versions = {name: importlib.metadata.version(name) for name in names}
print(json.dumps({"Python": platform.python_version(), **versions}))
"""


# How pip says that it cannot reach the package index.
UNREACHABLE = re.compile(
    r"connection broken by|ConnectionError|ReadTimeoutError|ProxyError|"
    r"IncompleteRead|Connection (?:aborted|refused|reset)|HTTP error 5\d\d"
)


class VersionsError(Exception):
    """An environment could not be made, or its tests failed."""


class UnreachableError(VersionsError):
    """The package index cannot be reached, which is no fault of the package."""


@dataclasses.dataclass(frozen=True)
class Supported:
    """What setup.cfg says is supported.

    Attributes:
        requirements: Requirement of each package, such as `keras>=3.15`.
        pytest: Requirement of pytest.
        pythons: Versions of Python such as `3.11`, the oldest first.
    """

    requirements: tuple[str, ...]
    pytest: str
    pythons: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Names of the packages."""
        return [each.partition(">=")[0] for each in self.requirements]

    @property
    def oldest(self) -> list[str]:
        """Requirements that only the oldest version of each package meets."""
        return [each.replace(">=", "==") for each in self.requirements]


@dataclasses.dataclass(frozen=True)
class Environment:
    """A virtual environment that the tests run in.

    Attributes:
        folder: Where it is.
        python: The version of Python.
        requirements: What to install.
        tests: Files of tests to run.
    """

    folder: pathlib.Path
    python: str
    requirements: tuple[str, ...]
    tests: tuple[str, ...] = (SMOKE_TESTS,)

    @property
    def interpreter(self) -> pathlib.Path:
        """Its own `python`."""
        return self.folder / "bin" / "python"


def read_supported(text: str) -> Supported:
    """Reads what is supported.

    Args:
        text: Of setup.cfg.

    Raises:
        VersionsError: If a requirement has no lower bound alone, or no Python
            is named.
    """
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(text)
    requirements = _lines(config["options"]["install_requires"])
    for each in requirements:
        if not re.fullmatch(r"[\w-]+>=[\d.]+", each):
            raise VersionsError(
                "Requirements in setup.cfg must read `name>=version`, so that "
                f"the oldest version is known. Received: {each!r}"
            )
    pytest = [
        each
        for each in _lines(config["options.extras_require"]["test"])
        if each.startswith("pytest>=")
    ]
    pythons = [
        f"3.{each.removeprefix(CLASSIFIER)}"
        for each in _lines(config["metadata"]["classifiers"])
        if each.startswith(CLASSIFIER)
    ]
    if not pythons or not pytest:
        raise VersionsError(
            "setup.cfg must name pytest in the extra `test`, and Python 3.x in "
            f"the classifiers. Received: {pytest} and {pythons}"
        )
    pythons.sort(key=lambda version: int(version.partition(".")[2]))
    return Supported(tuple(requirements), pytest[0], tuple(pythons))


def _lines(value: str) -> list[str]:
    lines = (line.strip() for line in value.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def environments(supported: Supported, root: pathlib.Path) -> list[Environment]:
    """Returns the oldest combination, and the newest of each Python."""
    oldest = Environment(
        root / ".venv-oldest",
        supported.pythons[0],
        (*supported.oldest, supported.pytest),
    )
    newest = [
        Environment(
            root / f".venv-newest-{python}",
            python,
            (*supported.requirements, supported.pytest),
            (SMOKE_TESTS,) if place else (SMOKE_TESTS, *NEWEST_TESTS),
        )
        for place, python in enumerate(supported.pythons)
    ]
    return [oldest, *newest]


def candidates(python: str) -> Iterable[str]:
    """Yields commands that may be an interpreter of a version of Python."""
    if python == f"{sys.version_info.major}.{sys.version_info.minor}":
        yield sys.executable
    yield f"python{python}"
    # Those of pyenv, whose `python3.12` fails unless it is chosen.
    pyenv = pathlib.Path(
        os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv")
    )
    for folder in sorted((pyenv / "versions").glob(f"{python}.*")):
        yield str(folder / "bin" / "python")


def find_interpreter(python: str) -> str | None:
    """Returns a command that runs a version of Python; None if none does."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    for command in candidates(python):
        try:
            ended = subprocess.run(
                [command, "-c", code],
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError:
            continue
        if ended.returncode == 0 and ended.stdout.strip() == python:
            return command
    return None


def run(*command: str | pathlib.Path) -> str:
    """Runs a command in the checkout and returns what it prints.

    Raises:
        VersionsError: If it fails.
    """
    ended = subprocess.run(
        [*map(str, command)],
        cwd=ROOT,
        # Without the checkout: the tests import the installed wheel. With
        # XLA's default flags, instead of those of tests/conftest.py.
        env={"XLA_FLAGS": ""}
        | {
            name: value
            for name, value in os.environ.items()
            if name != "PYTHONPATH"
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise VersionsError(f"{' '.join(map(str, command))}\n{ended.stdout}")
    return ended.stdout


def find_wheel(folder: pathlib.Path) -> pathlib.Path:
    """Returns the wheel to test.

    Args:
        folder: Where `make dist` writes it.

    Raises:
        VersionsError: If there is not exactly one.
    """
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise VersionsError(
            f"{folder} must have one wheel. Received: "
            f"{[wheel.name for wheel in wheels]}. Run `make dist`."
        )
    return wheels[0]


def install(environment: Environment, wheel: pathlib.Path) -> None:
    """Installs what an environment should hold.

    Args:
        environment: The environment.
        wheel: keras_cem itself.

    Raises:
        UnreachableError: If the package index cannot be reached.
        VersionsError: If pip fails for another reason.
    """
    try:
        # Bytecode only of what is imported: TensorFlow has 10,000 files more.
        run(
            environment.interpreter,
            *("-m", "pip", "install", "--quiet", "--no-compile", "--upgrade"),
            *("--disable-pip-version-check", "--upgrade-strategy=eager"),
            *environment.requirements,
            wheel,
        )
        # Again, because the version of a changed wheel is often the same.
        run(
            environment.interpreter,
            *("-m", "pip", "install", "--quiet", "--no-deps"),
            *("--disable-pip-version-check", "--force-reinstall", wheel),
        )
    except VersionsError as error:
        if UNREACHABLE.search(str(error)):
            raise UnreachableError(str(error)) from error
        raise


def check(
    environment: Environment,
    command: str,
    names: list[str],
    wheel: pathlib.Path,
) -> str:
    """Makes an environment and runs its tests in it.

    Args:
        environment: Made, or brought up to date.
        command: Runs its Python.
        names: Packages whose versions to report.
        wheel: keras_cem itself.

    Returns:
        Which versions ran, and what pytest says.

    Raises:
        VersionsError: If anything fails.
    """
    start = time.monotonic()
    if not environment.interpreter.exists():
        run(command, "-m", "venv", "--clear", environment.folder)
    install(environment, wheel)
    installed = time.monotonic()
    said = run(environment.interpreter, "-c", REPORT, *names)
    versions = json.loads(said.splitlines()[-1])
    report = ", ".join(f"{name} {value}" for name, value in versions.items())
    try:
        output = run(
            environment.interpreter,
            # -P and an empty `pythonpath`: not the checkout's keras_cem.
            *("-P", "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-o", "pythonpath=", *environment.tests),
        )
    except VersionsError as error:
        raise VersionsError(f"{report}\n{error}") from error
    return (
        f"{report}: {output.splitlines()[-1]}, "
        f"installed in {installed - start:.0f}s"
    )


def main(arguments: list[str]) -> int:
    """Checks all environments, as many at a time as there are cores."""
    if arguments:
        print(f"No arguments are known. Received: {arguments}", file=sys.stderr)
        return 2
    supported = read_supported((ROOT / "setup.cfg").read_text())
    try:
        wheel = find_wheel(ROOT / "dist")
    except VersionsError as error:
        print(error, file=sys.stderr)
        return 2
    failed, pending = [], []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for environment in environments(supported, ROOT):
            command = find_interpreter(environment.python)
            if command is None:
                print(
                    f"{environment.folder.name}: skipped, this machine has no "
                    f"Python {environment.python}",
                    flush=True,
                )
                continue
            job = pool.submit(
                check, environment, command, supported.names, wheel
            )
            pending.append((environment.folder.name, job))
        for name, job in pending:
            try:
                print(f"{name}: {job.result()}", flush=True)
            except UnreachableError as error:
                print(
                    f"{name}: skipped, the package index cannot be reached\n"
                    f"{error}",
                    flush=True,
                )
            except VersionsError as error:
                failed.append(name)
                print(f"{name}: failed\n{error}", flush=True)
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
