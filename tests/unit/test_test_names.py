"""Tests have the same names in every process that collects them."""

from __future__ import annotations

import gzip

import pytest


@pytest.mark.parametrize("body", [gzip.compress(b"holds the time at which it was made")])
def test_bytes_are_no_part_of_a_tests_name(body, request):
    assert request.node.name == "test_bytes_are_no_part_of_a_tests_name[body]"
