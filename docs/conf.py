"""Settings of the site, which `make docs` builds with Sphinx."""

import inspect
import os
import re
from typing import Any

# What TensorFlow says while it starts is no warning of the site.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

from keras_cem.version import __version__

project = "keras_cem"
copyright = "the keras_cem maintainers"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"keras_cem {release}"
html_show_sphinx = False
html_theme_options = {
    "source_repository": "https://github.com/keras-cem/keras-cem/",
    "source_branch": "main",
    "source_directory": "docs/",
}
# Headings can be linked to, as on GitHub.
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # `_signature` writes them
python_maximum_signature_line_length = 80
napoleon_numpy_docstring = False
napoleon_attr_annotations = False
napoleon_custom_sections = ["Call arguments"]
autodoc_mock_imports = ["tf_agents"]
# The mark of code in Markdown.
default_role = "literal"

# Types as Python writes them, and their names.
_ALIASES = {
    "_Buffer | _SupportsArray[dtype[Any]] | "
    "_NestedSequence[_SupportsArray[dtype[Any]]] | complex | bytes | str | "
    "_NestedSequence[complex | bytes | str]": "ArrayLike",
    "type[Any] | dtype[Any] | _HasDType[dtype[Any]] | "
    "_HasNumPyDType[dtype[Any]] | tuple[Any, Any] | list[Any] | _DTypeDict | "
    "str": "DTypeLike",
    "NoneType": "None",
    "ndarray | Tensor | Mapping[str, Nest] | Sequence[Nest]": "Nest",
    "Callback | CallbackList | Sequence[Callbacks]": "Callbacks",
    "ndarray | Tensor": "Array",
    "str | PathLike[str]": "Path",
}


def _signature(
    app: Any, what: str, name: str, obj: Any, *_: Any
) -> tuple[str, str | None] | None:
    """Writes types with their last names: `Layer`, not `keras.src...Layer`."""
    if what not in ("class", "exception", "function", "method"):
        return None
    constructs = what == "class" and obj.__init__ is not object.__init__
    found = inspect.signature(obj.__init__ if constructs else obj)
    parameters = list(found.parameters.values())
    if constructs or (what == "method" and not inspect.ismethod(obj)):
        del parameters[0]
    text = str(found.replace(parameters=parameters)).replace("'Nest'", "Nest")
    # Not in strings, and not the dot of a number.
    text = re.sub(r"(?<!['\"\w.])(?:[a-zA-Z_]\w*\.)+(?=[a-zA-Z_])", "", text)
    text = text.replace("'Callbacks'", "Callbacks")
    for long, short in _ALIASES.items():
        text = text.replace(long, short)
    arguments, arrow, returned = text.partition(" -> ")
    return arguments, returned.strip("'") if arrow and not constructs else None


def _docstring(
    app: Any,
    what: str,
    name: str,
    obj: Any,
    options: Any,
    lines: list[str],
) -> None:
    """Converts the Markdown of a docstring to reStructuredText.

    Its Google sections are left to napoleon.
    """
    text = "\n".join(lines)
    parts = re.split(r"^( *)```(\w*)\n(.*?)^ *```$", text, flags=re.M | re.S)
    written = [_formulas(_tables(_inline(parts[0])))]
    for indent, language, code, after in zip(
        parts[1::4], parts[2::4], parts[3::4], parts[4::4], strict=True
    ):
        written.append(f"{indent}.. code-block:: {language or 'text'}\n\n")
        written += [f"    {line}\n" for line in code.splitlines()]
        written.append(_tables(_inline(after)))
    # Napoleon would take what stands before a colon for a type.
    converted = re.sub(
        r"^Returns:\n +", ":returns: ", "".join(written), flags=re.M
    )
    lines[:] = converted.split("\n")


def _inline(text: str) -> str:
    """Marks code, which may end before a letter, as in `x`s."""
    return re.sub(
        r"`([^`]+)`(\w?)",
        lambda found: (
            f"``{found[1]}``" + (rf"\ {found[2]}" if found[2] else "")
        ),
        text,
    )


def _tables(text: str) -> str:
    """Writes tables as `list-table`."""

    def table(found: re.Match[str]) -> str:
        indent, rows = found[1], found[0].splitlines()
        written = [
            f"{indent}.. list-table::",
            f"{indent}   :header-rows: 1",
            "",
        ]
        for row in rows[:1] + rows[2:]:
            first, *others = row.strip().strip("|").split("|")
            written.append(f"{indent}   * - {first.strip()}")
            written += [f"{indent}     - {other.strip()}" for other in others]
        return "\n".join(written) + "\n"

    return re.sub(
        r"^( *)\|.*\|\n *\|[-: |]+\|\n(?: *\|.*\|(?:\n|$))+",
        table,
        text,
        flags=re.M,
    )


def _formulas(text: str) -> str:
    """Marks paragraphs that are indented by four spaces as code."""
    before, section, after = re.match(
        r"(.*?)(^[A-Z][a-z]+(?: [a-z]+)?:$|\Z)(.*)", text, re.M | re.S
    ).groups()
    before = re.sub(
        r"(?<=\n\n)((?: {4}(?! *\* -|\.\.).*\n)+)",
        lambda found: "::\n\n" + found[1],
        before,
    )
    return before + section + after


def setup(app: Any) -> None:
    """Registers the converters, before napoleon, whose priority is 500."""
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-process-docstring", _docstring, priority=400)
