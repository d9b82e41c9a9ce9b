"""The flags of commands, and the objects built from them.

Modules named after a command define its flags. They import neither Keras nor
TensorFlow, which take seconds: what the flags need of the options is in
options.json. `python -m tools.option_table` writes it from the declarations.
"""

import importlib.resources
import json
from typing import Any

# - `flags`: name, subject, kind, default and help of each flag of an option,
#   and the arguments of its kind.
# - `keys`: keys and their defaults, by flag that takes a JSON object.
# - `searched`: names that `keras-cem tune` can search.
TABLE: dict[str, Any] = json.loads(
    (importlib.resources.files(__name__) / "options.json").read_text(
        encoding="utf-8"
    )
)
