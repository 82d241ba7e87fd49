"""`kedro run` as this project has it: lists and paths in `--params`, and errors that a person can read."""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import CONTEXT_SETTINGS

from xraylab.flow.tags import EXPORT
from xraylab.messages import did_you_mean, explain
from xraylab.pipelines import pipeline_names, predict_names
from xraylab.run_parameters import parse_run_parameters

__all__ = ["cli", "run"]

logger = logging.getLogger(__name__)

_INTERRUPTED = 130  # as a shell has it
_NODES = "xraylab.run_summary"  # says that a node is done; not imported, so that every command starts at once
_RESUME = "the same command with --only-missing-outputs makes only what is missing."


@click.group(context_settings=CONTEXT_SETTINGS, name="xraylab")
def cli() -> None:
    """Commands of xraylab."""


def _parse(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    if isinstance(value, dict):  # from --config
        return value
    try:
        return parse_run_parameters(value or "")
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def _options() -> list[click.Parameter]:
    """Return Kedro's own options, with another parser of parameters, and ``--verbose``."""
    options = []
    for option in kedro_run.params:
        own = copy.copy(option)
        if own.name == "params":
            own.callback = _parse
        options.append(own)
    verbose = click.Option(
        ["--verbose", "-v"], is_flag=True, help="Show the whole traceback of an error."
    )
    return [*options, verbose]


def _run(verbose: bool, **options: Any) -> None:
    """Run the pipeline."""
    callback: Any = kedro_run.callback
    if verbose:
        callback(**options)
        return
    repeated = _Repeated()
    handlers = _terminals()
    for handler in handlers:
        handler.addFilter(repeated)
    try:
        _check_pipelines([*options["pipelines"], *filter(None, [options["pipeline"]])])
        callback(**options)
    except KeyboardInterrupt:
        click.secho(f"Stopped; {_RESUME}", err=True)
        sys.exit(_INTERRUPTED)
    except click.ClickException:
        raise
    except Exception as error:
        logger.debug("The run failed", exc_info=error)
        click.secho("\n".join(filter(None, [explain(error), _suggest(error)])), fg="red", err=True)
        if repeated.has_begun:
            click.echo(f"Once that is mended, {_RESUME}", err=True)
        sys.exit(1)
    finally:
        for handler in handlers:
            handler.removeFilter(repeated)


def _terminals() -> list[logging.Handler]:
    """Return the handlers that show what is logged; a file keeps all of it."""
    found = {*logging.getLogger().handlers, *logging.getLogger("kedro").handlers}
    return [handler for handler in found if not isinstance(handler, logging.FileHandler)]


def _check_pipelines(names: Iterable[str]) -> None:
    """Refuse the name of a pipeline that does not exist, before Kedro tries to import it."""
    valid = [*pipeline_names(), *predict_names(), EXPORT, "__default__"]
    for name in names:
        if name not in valid:
            raise ValueError(
                f"there is no pipeline '{name}'.{did_you_mean(name, valid)} Pipelines: {', '.join(valid[:-1])}"
            )


def _suggest(error: Exception) -> str:
    """Return which tags, nodes or namespaces there are, where a filter of the run names none of them."""
    message = str(error)
    if message.startswith("Given configuration path"):
        conf = Path(message.rpartition(": ")[2]).parent
        names = sorted(each.name for each in conf.glob("*") if each.is_dir())
        return f"Environments: {', '.join(names)}" if names else ""  # none in an archive
    if not message.startswith(("Pipeline contains no nodes", "Pipeline does not contain")):
        return ""
    from kedro.framework.project import pipelines

    nodes = [node for pipeline in pipelines.values() for node in pipeline.nodes]
    names = sorted({node.name for node in nodes})
    if "nodes named" in message:
        given = message.split("[", 1)[-1].split("'")[1::2]
        return " ".join(did_you_mean(name, names).strip() for name in given).strip()
    tags = sorted({tag for node in nodes for tag in node.tags})
    return f"Tags: {', '.join(tags) or 'none'}. Nodes begin with: {', '.join(names[:3])} …"


class _Repeated(logging.Filter):
    """Leave out what is said in other words at the end; note whether any node has run."""

    has_begun = False

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if record.name == _NODES:
            self.has_begun = True
        error = record.name.startswith("kedro") and record.levelno >= logging.ERROR
        hint = "You can resume the pipeline run" in message or message.startswith("No nodes ran")
        return not (error or hint)


run = click.Command(
    "run",
    params=_options(),
    callback=_run,
    help=kedro_run.help,
    context_settings=CONTEXT_SETTINGS,
)
"""``kedro run``, and ``python -m xraylab`` where the package is installed."""

cli.add_command(run)


@cli.command("bundle")
@click.argument("task", type=click.Choice(sorted(predict_names().values())))
@click.option("--model", default="", help="A version or a folder; the newest bundle without.")
@click.option("--workspace", default="data", show_default=True, help="Where runs write to.")
@click.option("--out", default="", help="The zip file; <task>-<version>.zip without.")
def make_bundle(task: str, model: str, workspace: str, out: str) -> None:
    """Zip the bundle of a released model: one file with all that it needs to read films."""
    from xraylab.models.bundle import BundleError, find_bundle, open_bundle, zip_bundle

    try:
        place = find_bundle(model, task, [workspace], f"kedro run --pipeline={task}")
        bundle = open_bundle(place, task)
        file = out or f"{task}-{bundle.version}.zip"
        zip_bundle(place, file)
    except (BundleError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{file}: {bundle.task} {bundle.version}, trained on {bundle.trained_on}")
