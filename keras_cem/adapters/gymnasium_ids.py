"""Resolves environment ids and makes environments from them.

Gymnasium takes an id with its version (`CartPole-v1`), without a version
(`CartPole`, the latest version), and after a module that registers it
(`module:Id-v0`).
"""

import contextlib
import importlib
import importlib.util
import re
from typing import Any

import gymnasium

from keras_cem import envs
from keras_cem.engines.recorded.source import MINARI_PREFIX
from keras_cem.utils.closing import close_env
from keras_cem.utils.environment_ids import complete
from keras_cem.utils.references import REFERENCES, is_reference

# Extras of this package that have the same name in gymnasium.
_EXTRAS = {"box2d": "Box2D", "mujoco": "MuJoCo"}
# Other packages of environments, by the beginning of an id or a module.
_PACKAGES = {
    "ALE/": "ale-py",
    "ale_py": "ale-py",
    "BabyAI-": "minigrid",
    "MiniGrid-": "minigrid",
    "minigrid": "minigrid",
    "highway-": "highway-env",
    "highway_env": "highway-env",
    "Fetch": "gymnasium-robotics",
    "gymnasium_robotics": "gymnasium-robotics",
}


def in_graph_id(env_id: str) -> str | None:
    """Returns the id of the in-graph version of an environment, if any.

    None is returned if there is no in-graph version, or if the id was
    registered again as another environment or with another step limit.

    Args:
        env_id: An id.
    """
    name = complete(env_id)
    if name not in envs.registry:
        return None
    spec = gymnasium.registry.get(name)
    if name not in REFERENCES or spec is None or is_reference(name, spec):
        return name
    return None


def cure(name: str) -> str:
    """Returns the sentence that says what to install, empty if not known.

    Args:
        name: Id of an environment, or a module.
    """
    package = _package(name)
    if not package or importlib.util.find_spec(_module(package)):
        return ""
    return f" Install it with `pip install {package}`."


def _module(package: str) -> str:
    return package.replace("-", "_")


def _package(name: str) -> str:
    for beginning, package in _PACKAGES.items():
        if name.startswith(beginning):
            return package
    return ""


def make_env(env_id: str, **kwargs: Any) -> gymnasium.Env:
    """Makes an environment by its id.

    Args:
        env_id: An id, in any form that gymnasium takes.
        **kwargs: Further arguments of `gymnasium.make`.

    Raises:
        ImportError: If the module cannot be imported, or an extra is missing.
            The message names the extra.
        ValueError: If there is no environment with this id.
        RuntimeError: If the environment raises while it is made.
    """
    name = _registered(env_id)
    try:
        # The rollout checks observations itself. gymnasium's checker looks at
        # the first step only, but slows down every step.
        return gymnasium.make(name, disable_env_checker=True, **kwargs)
    except gymnasium.error.DependencyNotInstalled as error:
        named = re.search(r"gymnasium\[([\w-]+)\]", str(error))
        extra = named.group(1) if named else None
        if extra not in _EXTRAS:
            raise
        raise ImportError(
            f"{env_id} needs {_EXTRAS[extra]}. "
            f"Install it with `pip install 'keras-cem[{extra}]'`."
        ) from error
    except gymnasium.error.Error as error:
        raise _unknown(env_id, error) from error
    except ImportError:
        raise
    except Exception as error:
        raise _could_not_be_made(env_id, error) from error


def make_vector_env(env_id: str, num_envs: int) -> Any:
    """Makes the vector version of an environment, by its id.

    Args:
        env_id: As in `make_env`.
        num_envs: Number of sub-environments.

    Raises:
        ImportError, ValueError, RuntimeError: As `make_env`.
        ValueError: Also if the environment has no vector entry point.
    """
    name = _registered(env_id)
    try:
        return gymnasium.make_vec(
            name,
            num_envs=num_envs,
            vectorization_mode="vector_entry_point",
        )
    except gymnasium.error.Error as error:
        raise ValueError(
            "`env` must be registered with a vector entry point for "
            "vectorization_mode='vector_entry_point'. Received: "
            f"env={env_id!r}. {error}"
        ) from error
    except ImportError:
        raise
    except Exception as error:
        raise _could_not_be_made(env_id, error) from error


def reward_threshold(env_id: str) -> float | None:
    """Returns the return at which an environment counts as solved.

    Args:
        env_id: An id. The environment is made to read its spec.

    Raises:
        ImportError, ValueError, RuntimeError: As `make_env`.
    """
    env = make_env(env_id)
    try:
        return None if env.spec is None else env.spec.reward_threshold
    finally:
        close_env(env)


def _registered(env_id: str) -> str:
    """Returns the registered id; imports the module that registers it."""
    module, _, name = env_id.rpartition(":")
    module = module or _registers(name)
    if module:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ImportError(
                "`env` must name a module that can be imported. "
                f"Received: env={env_id!r}. {error}{cure(env_id)}"
            ) from error
        except Exception as error:
            raise RuntimeError(
                f"The module of {env_id} could not be imported. It raised "
                f"{type(error).__name__}: {error}"
            ) from error
    name = complete(name)
    if name not in gymnasium.registry:
        try:
            # The error suggests the nearest id.
            gymnasium.spec(name)
        except gymnasium.error.Error as error:
            raise _unknown(env_id, error) from error
    return name


def _registers(name: str) -> str:
    """Returns the module of an installed package that registers an id.

    Gymnasium 1 imports no package by itself.

    Args:
        name: An id without a module.

    Returns:
        The module; empty if the id is registered, or no installed package is
        known for it.
    """
    if complete(name) in gymnasium.registry:
        return ""
    module = _module(_package(name))
    return module if module and importlib.util.find_spec(module) else ""


def _could_not_be_made(env_id: str, error: Exception) -> RuntimeError:
    return RuntimeError(
        f"The environment {env_id} could not be made. It raised "
        f"{type(error).__name__}: {error}"
    )


def _unknown(env_id: str, error: Exception) -> ValueError:
    return ValueError(
        "`env` must be the id of a registered gymnasium environment. "
        f"Received: env={env_id!r}. {error}{cure(env_id)}"
        f"{_minari_hint(env_id)}"
    )


def _minari_hint(env_id: str) -> str:
    """Returns the cure if `env_id` is the id of a Minari dataset."""
    # Ids of gymnasium never have two slashes; those of Minari often do.
    if env_id.count("/") < 2 and env_id not in _minari_ids():
        return ""
    return (
        f" To learn from a Minari dataset, pass {MINARI_PREFIX}{env_id} to "
        "`fit`."
    )


def _minari_ids() -> list[str]:
    """Returns the ids of the Minari datasets on this machine."""
    if importlib.util.find_spec("minari") is None:
        return []
    # The user did not ask about datasets, so ignore errors in them.
    with contextlib.suppress(Exception):
        return list(importlib.import_module("minari").list_local_datasets())
    return []
