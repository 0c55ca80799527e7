"""Where the command filtersched-proxy begins: it imports nothing before it is ready for Ctrl-C."""

from __future__ import annotations

# As type checkers know it from typing, which takes longer to load than everything here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# As a shell reports a program that Ctrl-C ended.
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    try:
        from filtersched.ovirt.command import run

        return run(arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED
