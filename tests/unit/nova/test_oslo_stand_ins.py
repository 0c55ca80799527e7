"""The stand-ins for oslo_utils, and whether the real one, where it is installed, says the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta

import pytest

from filtersched.columns.values import utc_now
from filtersched.nova import strutils, timeutils

NOVA_PYTHON = os.environ.get("FILTERSCHED_NOVA_PYTHON", "")
QUESTIONS = """
import json
from datetime import datetime
from oslo_utils import importutils, strutils, timeutils, units

texts = ["t", " Yes ", "ON", "1", 1, True, "0", "off", "n", "maybe", "", None, 2, False]
told = [strutils.bool_from_string(text) for text in texts]
told += [strutils.bool_from_string("maybe", default=None), strutils.int_from_bool_as_string("yes")]
try:
    strutils.bool_from_string("maybe", strict=True)
except ValueError as error:
    told.append(str(error))
told += [strutils.is_int_like(value) for value in (5, "5", "05", "5.0", 5.0, "x", None, "-3")]
told += [getattr(units, name) for name in ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")]
told += [getattr(units, name) for name in ("k", "M", "G", "T", "P", "E", "Z", "Y")]
told += [str(timeutils.parse_isotime(text)) for text in ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00+02:00")]
told.append(str(timeutils.normalize_time(timeutils.parse_isotime("2026-01-31T12:00:00+02:00"))))
told.append(timeutils.delta_seconds(datetime(2026, 1, 31, 12), datetime(2026, 1, 31, 13)))
past, future = datetime(2020, 1, 1), datetime(2200, 1, 1)
told += [timeutils.is_older_than(past, 5), timeutils.is_older_than(future, 5), timeutils.is_newer_than(future, 5)]
told += [timeutils.is_newer_than(past, 5), timeutils.is_older_than("2020-01-01T00:00:00", 5)]
told += [type(timeutils.utcnow_ts()).__name__, type(timeutils.utcnow_ts(microsecond=True)).__name__]
told += [timeutils.utcnow().tzinfo is None, timeutils.utcnow(with_timezone=True).utcoffset().total_seconds()]
told += [importutils.import_class("datetime.datetime") is datetime, importutils.try_import("no_such_module")]
print(json.dumps(told))
"""
PREPARED = "from filtersched.nova import prepare_imports\nprepare_imports()\n"


def answers(python, text):
    done = subprocess.run([python, "-c", text], capture_output=True, text=True, timeout=240, check=True)
    return json.loads(done.stdout)


@pytest.mark.skipif(not os.path.exists(NOVA_PYTHON), reason="FILTERSCHED_NOVA_PYTHON names no Python with Nova in it")
def test_stand_ins_for_oslo_utils_answer_as_the_real_one():
    assert answers(sys.executable, PREPARED + QUESTIONS) == answers(NOVA_PYTHON, QUESTIONS)


@pytest.mark.parametrize(("text", "means"), [(" Yes ", True), ("off", False), ("maybe", False), (True, True)])
def test_a_text_means_yes_or_no(text, means):
    assert strutils.bool_from_string(text) is means


def test_a_text_that_means_neither_is_an_error_if_it_must():
    with pytest.raises(ValueError, match="Unrecognized value 'maybe'"):
        strutils.bool_from_string("maybe", strict=True)


def test_a_time_is_older_than_the_seconds_that_passed():
    at = utc_now() - timedelta(seconds=60)
    assert (timeutils.is_older_than(at, 59), timeutils.is_older_than(at, 90)) == (True, False)


def test_a_time_with_a_zone_is_normalized_to_naive_utc():
    at = timeutils.parse_isotime("2026-01-31T12:00:00+02:00")
    assert timeutils.normalize_time(at) == datetime(2026, 1, 31, 10)


def test_modules_of_oslo_utils_that_plug_ins_do_not_need_are_refused():
    code = f"{PREPARED}from oslo_utils import netutils"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert "oslo_utils.netutils cannot be imported: oslo_utils is not installed" in done.stderr
