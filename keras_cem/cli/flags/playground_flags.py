"""Opens a page in the browser on which to watch and steer training.

The page is served on this machine only, until Ctrl-C. Needs the extra
`playground`.
"""

from absl import flags


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    flags.DEFINE_string(
        "env",
        "CartPole-v1",
        "Id of the first environment. The page can change it.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "port",
        8765,
        "Port of the page; 0 for any that is free.",
        lower_bound=0,
        upper_bound=65535,
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "browser",
        True,
        "Open the page in the browser. --nobrowser prints its address only.",
        flag_values=values,
    )
