"""What models and protocols are called on the page."""

from __future__ import annotations

from .params import ReportingParams

__all__ = ["in_words", "name_model", "name_protocol", "name_suffix", "split_name"]


def name_model(params: ReportingParams, pipeline: str, model: str) -> str:
    """Return a model's readable name: that of the parameters, else its own in words."""
    base, suffix = split_name(params, pipeline, model)
    named = _known(params, pipeline).get(base, in_words(base))
    return f"{named}, {name_suffix(params, suffix)}" if suffix else named


def split_name(params: ReportingParams, pipeline: str, model: str) -> tuple[str, str]:
    """Return the model and the last part of its name, such as the site that it was trained at.

    Examples
    --------
    >>> params = ReportingParams(names={"all": {"kernel": "Kernel", "kernel_lungs": "Kernel, lungs alone"}})
    >>> split_name(params, "tb", "kernel_lungs"), split_name(params, "tb", "kernel_lungs_shenzhen")
    (('kernel_lungs', ''), ('kernel_lungs', 'shenzhen'))
    """
    known = _known(params, pipeline)
    if model in known:
        return model, ""
    bases = [name for name in known if model.startswith(f"{name}_")]
    base = max(bases, key=len, default=model)
    return base, model.removeprefix(base).removeprefix("_")


def name_protocol(params: ReportingParams, protocol: str, suffix: str = "") -> str:
    """Return a protocol's heading."""
    named = params.protocols.get(protocol, in_words(protocol))
    return f"{named}, {name_suffix(params, suffix)}" if suffix else named


def name_suffix(params: ReportingParams, suffix: str) -> str:
    """Return in words what the last part of a name means."""
    return params.suffixes.get(suffix, suffix.replace("_", " "))


def in_words(name: str) -> str:
    """Return a name of code as words.

    Examples
    --------
    >>> in_words("near_duplicate")
    'Near duplicate'
    """
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _known(params: ReportingParams, pipeline: str) -> dict[str, str]:
    return {**params.names.get("all", {}), **params.names.get(pipeline, {})}
