"""For work that makes a great many objects at once: the cycle collector looks at them afterwards, not again and again in between."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collections() -> Iterator[None]:
    """No cycle collection inside; afterwards one of what is young. Measured: a third of the time of a projection went into collecting."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
            gc.collect(0)
