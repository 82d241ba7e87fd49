"""What the machine can do: the precision it computes in."""

from __future__ import annotations

from typing import Literal

import torch

__all__ = ["choose_precision"]

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]

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
