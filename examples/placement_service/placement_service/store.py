"""Store: the folder that holds the pool, and the rule that nothing is acknowledged before it is on the disk."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

from filtersched import HostPool
from filtersched.inventory import read_hosts
from placement_service.metal_host import MetalHost


class Store:
    """A pool and its file. One process at a time may have the folder.

    `saved` is a group commit: while one save runs, changes gather, and the next save is for all of them.
    """

    def __init__(self, folder: Path, inventory: Path | None = None) -> None:
        """Open the folder; hosts of the inventory that the pool lacks are added."""
        folder.mkdir(parents=True, exist_ok=True)
        # The system frees the lock when the process ends, however it ends.
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise SystemExit(f"another placement service uses {folder}") from None
        self._path = folder / "pool.jsonl"
        self.pool = HostPool.load(self._path, host_class=MetalHost) if self._path.exists() else HostPool()
        if inventory is not None:
            for host in read_hosts(inventory, host_class=MetalHost):
                if (host.host, host.nodename) not in self.pool:
                    self.pool.add(host)
        self.pool.save(self._path)
        self._running: asyncio.Task[None] | None = None
        self._waiting: asyncio.Task[None] | None = None

    async def saved(self) -> None:
        """Return when every change made before this call is on the disk. Raises OSError if that fails."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._save_after(self._running))
        # A client that hangs up cancels its own request only.
        await asyncio.shield(self._waiting)

    async def _save_after(self, earlier: asyncio.Task[None] | None) -> None:
        if earlier is not None:
            await asyncio.wait([earlier])
        # From here on a change is for the next save: this one may have read its host already.
        self._running, self._waiting = self._waiting, None
        await asyncio.to_thread(self.pool.save, self._path)
