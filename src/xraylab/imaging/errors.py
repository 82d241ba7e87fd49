"""What goes wrong with a film."""

from __future__ import annotations

__all__ = ["SeveralFrames", "UnreadableRadiograph"]


class UnreadableRadiograph(ValueError):  # noqa: N818 - the name is what a table of rejected films says
    """A file that does not give one whole film; its message is ``path: reason``.

    Parameters
    ----------
    path : str
        The file, as the reader was given it.
    reason : str
        The rule that the file breaks and the value seen, in one clause.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type[UnreadableRadiograph], tuple[str, str]]:
        # The default would call the class with the message alone: a film's error crosses processes.
        return type(self), (self.path, self.reason)


class SeveralFrames(UnreadableRadiograph):
    """A file of several frames, none of which is the film."""
