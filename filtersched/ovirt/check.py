"""What `--check` prints: the units that there are, and what an operator should mend."""

from __future__ import annotations

import asyncio
import sys

from filtersched.ovirt.daemon import Proxy


def run(path: str | None) -> int:
    """Print units and problems; 1 if there is any problem."""
    return asyncio.run(_run(path))


async def _run(path: str | None) -> int:
    proxy = Proxy(path)
    try:
        problems = await proxy.start()
        for kind, units in proxy.service.announced().items():
            print(f"{kind}:")
            for name, unit in sorted(units.items()):
                summary = unit.description.partition("\n")[0]
                properties = f"  [{unit.properties}]" if unit.properties else ""
                print(f"  {name}{': ' if summary else ''}{summary}{properties}")
        for problem in problems:
            print(f"problem: {problem}", file=sys.stderr)
        return 1 if problems else 0
    finally:
        await proxy.close()
