"""Environment ids, without making environments."""

import gymnasium
from gymnasium.envs import registration


def complete(env_id: str) -> str:
    """Adds the latest version to an id without one; imports no module.

    Args:
        env_id: An id. Ids that name a module and unknown ids are returned
            unchanged.
    """
    if ":" in env_id:
        return env_id
    try:
        namespace, name, version = registration.parse_env_id(env_id)
    except gymnasium.error.Error:
        return env_id
    if version is not None:
        return env_id
    latest = registration.find_highest_version(namespace, name)
    if latest is None:
        return env_id
    return registration.get_env_id(namespace, name, latest)
