"""The stand-in for jsonutils, of oslo_serialization and of Nova's own: json, and what it cannot write as text."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from filtersched.columns.frozen import thaw

__all__ = ["dump", "dump_as_bytes", "dumps", "load", "loads", "to_primitive"]


def to_primitive(value: Any, **_facts: Any) -> Any:
    """The value as data that json writes."""
    return json.loads(dumps(value))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    thawed = thaw(value)
    return dict(vars(value)) if thawed is value and hasattr(value, "__dict__") else thawed


def dumps(obj: Any, default: Any = _plain, **kwargs: Any) -> str:
    """The value as JSON text."""
    return json.dumps(obj, default=default, **kwargs)


def dump_as_bytes(obj: Any, default: Any = _plain, encoding: str = "utf-8", **kwargs: Any) -> bytes:
    """The value as JSON text, encoded."""
    return dumps(obj, default, **kwargs).encode(encoding)


def dump(obj: Any, fp: Any, **kwargs: Any) -> None:
    """Write the value to a file as JSON text."""
    fp.write(dumps(obj, **kwargs))


def loads(s: str | bytes, encoding: str = "utf-8", **kwargs: Any) -> Any:
    """The value of a JSON text."""
    return json.loads(s.decode(encoding) if isinstance(s, bytes) else s, **kwargs)


def load(fp: Any, **kwargs: Any) -> Any:
    """The value in a file of JSON text."""
    return json.load(fp, **kwargs)
