"""An audit ends a run with an error where its findings are bad enough, after all is written."""

from __future__ import annotations

from typing import Any

import click
import pandas as pd
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

__all__ = ["AuditError", "AuditHooks"]

FINDINGS = "audit.all_findings"
_FAILS = {"never": (), "error": ("error",), "warning": ("error", "warning")}


class AuditError(click.ClickException):
    """What an audit has found is bad enough to end the run; the command line exits with status 1."""


class AuditHooks:
    """Look at the findings of an audit once the run is over."""

    def __init__(self) -> None:
        self.findings: pd.DataFrame | None = None
        self.fail_on = "never"

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: Any) -> None:
        """Read what ends a run (``audit.fail_on``)."""
        self.findings = None
        params = "params:audit"
        audits = params in pipeline.inputs()
        self.fail_on = catalog.load(params).fail_on if audits else "never"

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Keep the findings."""
        if dataset_name == FINDINGS:
            self.findings = data

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """End the run.

        Raises
        ------
        AuditError
            If there are findings as bad as ``audit.fail_on`` says.
        """
        if self.findings is None:
            return
        bad = self.findings[self.findings["severity"].isin(_FAILS[self.fail_on])]
        if len(bad):
            lines = "\n".join(f"  {row.severity}: {row.title}" for row in bad.head(5).itertuples())
            more = f"\n  and {len(bad) - 5} more" if len(bad) > 5 else ""  # noqa: PLR2004 - as many as are shown
            raise AuditError(f"the audit fails (audit.fail_on: {self.fail_on}):\n{lines}{more}")
