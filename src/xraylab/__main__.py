"""``python -m xraylab``: what ``kedro run`` does, where the package is installed and there is no project.

Settings are read from ``--conf-source``, else from ``conf/`` below the current directory, else from the package itself.
Everything that a run writes lies below the current directory.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["main"]

_PACKAGE = Path(__file__).parent
_LOGGING = "KEDRO_LOGGING_CONFIG"


def main(args: Sequence[str] | None = None, *, standalone_mode: bool = True) -> Any:
    """Run pipelines with the options of ``kedro run``.

    Parameters
    ----------
    args : sequence of str, optional
        Options; those of the command line where none are given.
    standalone_mode : bool
        End the process with an exit code. Without it, return when the run is done, and raise errors of the options.
    """
    packaged = _PACKAGE / "conf"  # only in an installed package
    defaults: dict[str, str] = {}
    if packaged.is_dir() and not Path("conf").is_dir():
        defaults["conf_source"] = str(packaged)
        os.environ.setdefault(_LOGGING, str(packaged / "logging.yml"))

    import click
    from kedro.framework.project import configure_project  # reads the settings of the log

    class Context(click.Context):
        command_path = "python -m xraylab"

    configure_project(_PACKAGE.name)
    from xraylab.cli import run

    command = copy.copy(run)
    command.context_class = Context
    return command.main(
        args,
        prog_name=command.name,  # Kedro reads the section of this name of --config
        standalone_mode=standalone_mode,
        default_map=defaults,
    )


if __name__ == "__main__":
    main()
