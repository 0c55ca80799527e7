"""The command `placement-service`."""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn

from filtersched import FilterschedError
from placement_service.app import make_app
from placement_service.store import Store


def main() -> None:
    """Serve the pool of a folder until a signal ends it."""
    parser = argparse.ArgumentParser(prog="placement-service", description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that keeps the pool")
    parser.add_argument("--inventory", type=Path, help="a file of hosts; those that the pool lacks are added")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="the port; 0 takes a free one (%(default)s)")
    chosen = parser.parse_args()
    try:
        app = make_app(Store(chosen.data, chosen.inventory))
    except (FilterschedError, OSError) as problem:
        parser.exit(1, f"placement-service: {problem}\n")
    # One process: the pool is in its memory.
    uvicorn.run(app, host=chosen.host, port=chosen.port, access_log=False)
