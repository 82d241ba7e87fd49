"""``python -m xraylab``: what ``kedro run`` does, where the package is installed and there is no project.

Settings are read from ``--conf-source``, else from ``conf/`` below the current directory, else from the package itself.
Everything that a run writes lies below the current directory.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

__all__ = ["main"]

_PACKAGE = Path(__file__).parent
_LOGGING = "KEDRO_LOGGING_CONFIG"


def main(*args: Any, **kwargs: Any) -> Any:
    """Run pipelines with the options of ``kedro run``.

    Parameters
    ----------
    *args, **kwargs
        For `click.Command.main`: a list of options in place of those of the command line, ``standalone_mode=False`` to
        get the result instead of an exit.
    """
    packaged = _PACKAGE / "conf"  # only in an installed package
    if packaged.is_dir() and not Path("conf").is_dir():
        kwargs.setdefault("default_map", {"conf_source": str(packaged)})
        os.environ.setdefault(_LOGGING, str(packaged / "logging.yml"))

    import click
    from kedro.framework.project import configure_project  # reads the settings of the log

    class Context(click.Context):
        command_path = "python -m xraylab"

    configure_project(_PACKAGE.name)
    from xraylab.cli import run

    command = copy.copy(run)
    command.context_class = Context
    # Kedro reads the section of --config that has this name
    return command.main(*args, prog_name=command.name, **kwargs)


if __name__ == "__main__":
    main()
