"""How far a long pass over films has come: a bar on a terminal, a line of the log from time to time elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

__all__ = ["show_progress"]

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

_LOG_S = 30.0


def show_progress(
    items: Iterable[Item], total: int, count: Callable[[Item], int] = lambda _: 1
) -> Iterator[Item]:
    """Give items, and say how many films are done and how long the rest will take.

    Parameters
    ----------
    items : iterable
        Films, or batches of films.
    total : int
        Films in all.
    count : callable
        How many films an item holds.

    Examples
    --------
    >>> list(show_progress(["a", "b"], total=2))
    ['a', 'b']
    """
    from tqdm import tqdm

    began = said = time.monotonic()
    done = 0
    with tqdm(total=total, unit="film", disable=None, smoothing=0.1) as bar:
        for item in items:
            yield item
            done += count(item)
            bar.update(count(item))
            now = time.monotonic()
            if bar.disable and now - said > _LOG_S:
                said = now
                left = (total - done) * (now - began) / done
                logger.info("%d of %d films, about %.0f s left", done, total, left)
