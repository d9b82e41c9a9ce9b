"""`keras-cem export`."""

import os

from absl import flags

from keras_cem.cli.console import CommandError
from keras_cem.cli.flags.export_flags import FORMATS
from keras_cem.cli.flags.export_flags import define_flags as define_flags
from keras_cem.cli.run.folder import RunFolder


def run(values: flags.FlagValues) -> None:
    """Exports the policy."""
    output = values.output
    if os.path.lexists(output) and not values.overwrite:
        raise CommandError(
            f"--output must not exist yet. Received: --output={output}. "
            "Choose another path, or give --overwrite to replace the export."
        )
    agent = RunFolder(values.run).load_agent()
    try:
        agent.export(output, format=FORMATS[values.format])
    except ImportError as error:
        raise CommandError(f"--format={values.format}: {error}") from error
    except OSError as error:
        raise CommandError(
            f"--output must be a writable path. Received: --output={output}. "
            f"{error}"
        ) from error
    print(f"Exported as {values.format}: {output}")
