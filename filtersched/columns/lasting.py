"""Very many objects that last: the garbage collector need not look at them while they are made, nor right after."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Within this context the garbage collector waits: none of the hosts that are read or pooled in it is garbage.

    Looking for garbage among millions of new objects takes a third of the time that reading a file takes. At the end
    all new objects count as old, as after a collection that found nothing. If the collector is off, or the caller
    uses `gc.freeze`, that stays as it is.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
        if gc.get_freeze_count() == 0:
            # Freezing and unfreezing moves them to the oldest generation, and looks at none of them.
            gc.freeze()
            gc.unfreeze()
    finally:
        gc.enable()
