"""Kedro's project settings."""

import logging

from xraylab.budget_hooks import BudgetHooks
from xraylab.config import CONFIG_LOADER_ARGS
from xraylab.hooks import (
    CheckpointsHooks,
    ParameterHooks,
    PredictHooks,
    RawDataHooks,
    SplitHooks,
)
from xraylab.run_summary import RunSummaryHooks
from xraylab.tracking_hooks import TrackingHooks
from xraylab.workspace import WorkspaceHooks

__all__ = ["CONFIG_LOADER_ARGS", "DISABLE_HOOKS_FOR_PLUGINS", "HOOKS"]

HOOKS = (
    ParameterHooks(),
    PredictHooks(),
    SplitHooks(),
    RawDataHooks(),
    WorkspaceHooks(),
    BudgetHooks(),
    CheckpointsHooks(),
    RunSummaryHooks(),
    TrackingHooks(),
)

# Nothing is sent anywhere. The file .telemetry says so too, but an installed package has none.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)

# conf/logging.yml decides where warnings of Python go
logging.captureWarnings(True)
