"""How the settings under ``conf/`` are read: by a run (`xraylab.settings`) and by a notebook (`xraylab.results`)."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["CONFIG_LOADER_ARGS"]

CONFIG_LOADER_ARGS: dict[str, Any] = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment names only what differs from base.
    "merge_strategy": {"parameters": "soft", "globals": "soft"},
    "custom_resolvers": {
        "env": lambda name, default: os.environ.get(name) or default,
        "expanduser": lambda path: path and os.path.expanduser(path),
        "folder_name": lambda path: os.path.basename(str(path).rstrip("/")) or "films",
    },
}
"""Arguments of Kedro's configuration loader."""
