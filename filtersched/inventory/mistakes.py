"""The mistakes of an input, told together."""

from __future__ import annotations

from filtersched.errors import InventoryError

#: So many mistakes are told; more are more than anyone mends at once.
MOST = 20


class Mistakes:
    """Mistakes in the order in which they were found; true if there are any."""

    def __init__(self) -> None:
        self._found: list[InventoryError] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def is_full(self) -> bool:
        """Whether no more are told."""
        return len(self._found) >= MOST

    def add(self, *errors: InventoryError) -> None:
        """Note more of them."""
        self._found += errors

    def error(self) -> InventoryError:
        """One error that tells them all; there is at least one."""
        first, *further = self._found[:MOST]
        if not further:
            return first
        said = [str(one) for one in self._found[:MOST]]
        if self.is_full:
            said.append(f"{first.path}: the first {MOST} mistakes are named; there may be more")
        return InventoryError("\n".join(said), path=first.path, line=first.line, field=first.field, further=further)
