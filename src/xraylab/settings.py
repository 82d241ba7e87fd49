"""Kedro's project settings."""

import logging

from xraylab.budget_hooks import BudgetHooks
from xraylab.config import CONFIG_LOADER_ARGS
from xraylab.hooks import CheckpointsHooks, ParameterHooks, PredictHooks, RawDataHooks
from xraylab.run_summary import RunSummaryHooks
from xraylab.workspace import WorkspaceHooks

__all__ = ["CONFIG_LOADER_ARGS", "HOOKS"]

HOOKS = (
    ParameterHooks(),
    PredictHooks(),
    RawDataHooks(),
    WorkspaceHooks(),
    BudgetHooks(),
    CheckpointsHooks(),
    RunSummaryHooks(),
)

# conf/logging.yml decides where warnings of Python go
logging.captureWarnings(True)
