"""Uuids for instances that have none."""

from __future__ import annotations

import os


def random_uuids(count: int) -> list[str]:
    """Random uuids of version 4 out of the operating system, so that processes never make the same.

    All at once, which is faster than uuid.uuid4() is.
    """
    text = os.urandom(16 * count).hex()
    cut = (text[at : at + 32] for at in range(0, len(text), 32))
    return [f"{one[:8]}-{one[8:12]}-4{one[13:16]}-a{one[17:20]}-{one[20:]}" for one in cut]
