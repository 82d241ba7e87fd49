"""What the machine can do, and what it must be told: precision and memory."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Literal

import torch

__all__ = ["choose_precision", "keep_freed_memory", "return_freed_memory"]

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]

# malloc.h of glibc
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
_LARGE = 2**31 - 1

_NAMES: dict[str, Precision] = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


def choose_precision(precision: str, accelerator: str) -> Precision:
    """Return Lightning's name of a precision.

    Parameters
    ----------
    precision : {"auto", "32", "bf16", "16"}
        ``auto`` is bf16 where the hardware computes in it, else 16 on a GPU, else 32.
    accelerator : str
        As Lightning names them; ``auto`` is the GPU if there is one.
    """
    if precision != "auto":
        return _NAMES[precision]
    if accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available()):
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    if accelerator in ("auto", "cpu") and not torch.backends.mps.is_available():
        has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        return "bf16-mixed" if has_onednn and _computes_bf16() else "32-true"
    return "32-true"


def _computes_bf16() -> bool:
    """Whether the processor has instructions for bf16, so that it is faster and not only possible."""
    capabilities = torch.cpu.get_capabilities()
    return bool(
        capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16")
    )


@cache
def keep_freed_memory() -> bool:
    """Let glibc keep freed blocks for the next step, once a process.

    By default glibc maps each large block anew and gives it back when it is freed, so that every step of a training
    asks the kernel for its activations again, page by page (``benchmarks/training_speed.py`` measures it). Returns
    whether anything was set: not on another C library.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    kept = mallopt(_M_MMAP_THRESHOLD, _LARGE) == 1 or mallopt(_M_MMAP_MAX, 0) == 1
    return bool(mallopt(_M_TRIM_THRESHOLD, _LARGE) == 1 and kept)


def return_freed_memory() -> None:
    """Give what `keep_freed_memory` has kept back to the system, after a training."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
