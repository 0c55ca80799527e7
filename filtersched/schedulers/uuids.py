"""Uuids for instances that have none, and seeds for decisions that are given none."""

from __future__ import annotations

import os

# What the version of a uuid, and its variant, fix of the 128 bits; and what they are in version 4.
_FIXED_BITS = 0xF000 << 64 | 0xC000 << 48
_VERSION_4 = 0x4000 << 64 | 0x8000 << 48


def random_uuids(count: int) -> list[str]:
    """Random uuids of version 4 out of the operating system, so that processes never make the same."""
    return random_uuids_and_seed(count)[0]


def random_uuids_and_seed(count: int) -> tuple[list[str], int]:
    """The same, with a random seed below 2**63. All at once, which is faster than uuid.uuid4() is."""
    text = os.urandom(16 * count + 8).hex()
    uuids = [
        f"{text[at : at + 8]}-{text[at + 8 : at + 12]}-4{text[at + 13 : at + 16]}-"
        f"a{text[at + 17 : at + 20]}-{text[at + 20 : at + 32]}"
        for at in range(0, 32 * count, 32)
    ]
    return uuids, int(text[-16:], 16) >> 1


def uuid_of(bits: int) -> str:
    """The uuid of version 4 with these 128 random bits, faster than uuid.UUID makes it."""
    digits = f"{bits & ~_FIXED_BITS | _VERSION_4:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
