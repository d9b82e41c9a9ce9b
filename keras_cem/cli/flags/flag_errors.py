"""What absl says of wrong flags, in the form of the package's messages."""

import re

from keras_cem.cli.flags.flag_groups import values_text

_RECEIVED = r"flag --(?P<name>\w+)=(?P<value>.*?): "


def described(error: Exception) -> str:
    """Returns the message for an error that absl raised.

    Args:
        error: The error; its text is returned if it is of another kind.
    """
    return "\n".join(_line(line) for line in str(error).splitlines())


def _line(text: str) -> str:
    if found := re.fullmatch(r"flag .*: Flag (--\w+) must have .*", text):
        return f"{found[1]} must be given."
    # A rule about several flags.
    if found := re.fullmatch(r"flags \w+=.*?: (--.*)", text):
        return found[1]
    if found := re.fullmatch(
        r"Unknown command line flag '(\w+)'\.?(?: Did you mean: (.*) \?)?", text
    ):
        similar = " or ".join(
            f"--{name}" for name in (found[2] or "").split(" or ") if name
        )
        return f"there is no flag --{found[1]}." + (
            f" Did you mean {similar}?" if similar else ""
        )
    for pattern, must in (
        (r".* is not (an? .*)", "be {}."),
        (r"invalid literal for int.*()", "be an integer."),
        (r"could not convert string to float.*()", "be a number."),
        (r"value should be one of <(.*)>", "be one of {}."),
        (r"must (.*)", "{}"),
    ):
        if found := re.fullmatch(_RECEIVED + pattern, text):
            about = must.format(values_text(found[3])).removesuffix(".")
            received = f". Received: --{found['name']}={found['value']}"
            return f"--{found['name']} must {about}" + (
                "" if "Received: " in about else received
            )
    return text
