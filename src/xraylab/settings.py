"""Kedro's project settings."""

import logging
import os

from xraylab.budget_hooks import BudgetHooks
from xraylab.hooks import CheckpointsHooks, ParameterHooks, PredictHooks, RawDataHooks
from xraylab.run_summary import RunSummaryHooks
from xraylab.workspace import WorkspaceHooks

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

CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment names only what differs from base.
    "merge_strategy": {"parameters": "soft", "globals": "soft"},
    "custom_resolvers": {
        "env": lambda name, default: os.environ.get(name) or default,
        "absent": lambda value: not value,
        "expanduser": lambda path: path and os.path.expanduser(path),
        "when": lambda condition, value, other: value if condition else other,
    },
}
