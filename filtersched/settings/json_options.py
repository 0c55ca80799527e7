"""The JSON file that scheduler_json_config_location names: what filters see as config_options."""

from __future__ import annotations

import json
import logging
import os
from typing import Any

from filtersched.columns.frozen import EMPTY, FrozenDict
from filtersched.columns.plain_data import plain_data
from filtersched.errors import ConfigurationError

LOG = logging.getLogger(__name__)


class JsonOptions:
    """Reads the file at first use, and again whenever its time of change differs."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._read: tuple[int, FrozenDict[str, Any]] | None = None

    def options(self) -> FrozenDict[str, Any]:
        """What the file says now; {} without a file name, or if it is not a JSON object.

        Raises ConfigurationError if the file is missing.
        """
        if not self._path:
            return EMPTY
        try:
            changed = os.stat(self._path).st_mtime_ns
            if self._read is None or self._read[0] != changed:
                self._read = (changed, self._parsed())
        except OSError as error:
            raise ConfigurationError(
                f"[DEFAULT] scheduler_json_config_location is {self._path!r}, which cannot be read: {error.strerror}.",
                group="DEFAULT",
                option="scheduler_json_config_location",
                value=self._path,
            ) from error
        return self._read[1]

    def _parsed(self) -> FrozenDict[str, Any]:
        with open(self._path, "rb") as stream:
            text = stream.read()
        try:
            options = plain_data(json.loads(text))
        except (ValueError, RecursionError) as error:
            LOG.warning("%s is not JSON and counts as empty: %s", self._path, error)
            return EMPTY
        if not isinstance(options, FrozenDict):
            LOG.warning("%s is not a JSON object and counts as empty", self._path)
            return EMPTY
        return options
