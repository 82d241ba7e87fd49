"""Importing a heavy module without paying for it until it is used.

``importlib.util.LazyLoader`` is meant for this, but before Python 3.12 the import statement itself looks at the
module's ``__spec__`` and so loads it at once.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any

__all__ = ["defer"]

_lock = RLock()


class _DeferredModule(ModuleType):
    """A module that runs its code when the first attribute is asked for that an empty module lacks."""

    def __getattr__(self, name: str) -> Any:
        with _lock:
            if type(self) is _DeferredModule:
                spec = self.__spec__
                if spec is None or spec.loader is None:
                    raise AttributeError(name)
                self.__class__ = ModuleType  # type: ignore[assignment]
                if spec.submodule_search_locations is not None:
                    self.__path__ = spec.submodule_search_locations
                spec.loader.exec_module(self)
        return getattr(self, name)


def defer(name: str) -> None:
    """Let ``import name`` cost nothing until the module is first used.

    Parameters
    ----------
    name : str
        A top-level module. Nothing happens if it is loaded already or not installed.
    """
    spec = None if name in sys.modules else find_spec(name)
    if spec is None:
        return
    module = module_from_spec(spec)
    # Without a path, importing a submodule asks for it and so loads the parent first, as it must.
    module.__dict__.pop("__path__", None)
    module.__class__ = _DeferredModule
    sys.modules[name] = module
