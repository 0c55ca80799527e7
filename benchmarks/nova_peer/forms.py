"""Cells as plain data to compare, of Nova's objects or of the library's records, which have the same fields."""


def cells_used(cells):
    """What of a host's cells is in use."""
    return [
        {
            "id": cell.id,
            "cpu_usage": cell.cpu_usage,
            "memory_usage": cell.memory_usage,
            "pinned_cpus": sorted(cell.pinned_cpus),
            "used": [pages.used for pages in cell.mempages],
        }
        for cell in cells
    ]


def cells_asked(topology):
    """The cells that an instance asks for."""
    if topology is None:
        return {"cells": None}
    names = ("id", "memory", "pagesize", "cpu_policy", "cpu_thread_policy")
    cells = [
        {name: getattr(cell, name) for name in names}
        | {name: sorted(getattr(cell, name)) for name in ("cpuset", "pcpuset")}
        for cell in topology.cells
    ]
    return {"cells": cells, "emulator_threads_policy": topology.emulator_threads_policy}
