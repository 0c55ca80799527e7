"""What `--check` finds in the `.conf` files and the properties of plug-ins."""

from __future__ import annotations

import pytest

from filtersched.ovirt.conf_checks import file_findings, property_findings


def in_file(text, path="/x/Memory.conf", names=("Memory",)):
    return list(file_findings(path, text, names))


def in_properties(properties, defaults=""):
    return list(property_findings("Memory", "/x/m.py", properties, defaults))


def test_a_file_of_the_right_form_is_fine():
    assert in_file("# a=b\ncustomProperties=ip=[0-9.]+;limit=[0-9]{1,2}\n\ndefaultValues = 127.0.0.1;70\n") == []


@pytest.mark.parametrize("key", ["customProperties", "CustomProperties", "custom_properties"])
def test_the_spellings_of_the_feature_page_are_keys(key):
    assert in_file(f"{key}=a=b\n") == []


def test_a_section_header_is_named_with_its_line():
    (said,) = in_file("# mine\n[Memory]\ncustomProperties=a=b\n")
    assert said == "/x/Memory.conf, line 2: '[Memory]' is a section header. Delete it: these files have no sections."


def test_an_unknown_key_has_the_nearest_known_one():
    (said,) = in_file("customPropertys=a=b\n")
    assert "'customPropertys' is no key of these files. Did you mean 'customProperties'?" in said


def test_a_file_of_no_unit_has_the_nearest_unit():
    (said,) = in_file("customProperties=a=b\n", path="/x/memory.conf", names=("small", "Memory"))
    assert said == (
        "/x/memory.conf belongs to no unit. Name it after a unit or a plug-in file. Did you mean 'Memory'?"
    )


def test_properties_with_good_patterns_and_defaults_are_fine():
    assert in_properties("a=[0-9]+;b=yes|no;c=.*;", "7;no") == []


def test_a_default_that_is_left_empty_is_none():
    assert in_properties("a=[0-9]+;b=yes|no", ";no") == []


@pytest.mark.parametrize("pattern", ["[0-9", "(a", "*a", "a)", "{0-99}", "a{x", "(?<1a>b)", "a{,3}"])
def test_a_pattern_that_is_no_regular_expression_is_named(pattern):
    (said,) = in_properties(f"limit={pattern}")
    assert said.startswith(f"unit 'Memory' of /x/m.py: property 'limit' has the pattern {pattern!r}, which is no")


@pytest.mark.parametrize(
    "pattern",
    [r"\p{Alpha}+", r"\h*x", r"\Qa{\E", "(?<name>a)", "[a-z&&[^b]]", "a++", "a{2}", "a{2,}", "a{2,3}b", r"\{", "[{]x"],
)
def test_a_pattern_that_the_engines_java_accepts_is_fine(pattern):
    assert in_properties(f"limit={pattern}", "") == []


@pytest.mark.parametrize(("pattern", "default"), [("[0-9]{1,2}", "100"), ("yes|no", "maybe"), ("a", "ab"), ("a", "A")])
def test_a_default_that_its_own_pattern_refuses_is_named(pattern, default):
    (said,) = in_properties(f"x=.*;limit={pattern}", f"1;{default}")
    assert f"property 'limit' has the default {default!r}, which its own pattern {pattern!r} refuses." in said


def test_more_defaults_than_properties_are_named():
    (said,) = in_properties("a=.*", "1;2;3")
    assert said == "unit 'Memory' of /x/m.py has more defaults than properties: '2;3' belongs to none."


def test_a_property_that_is_there_twice_is_named():
    (said,) = in_properties("a=x;a=y")
    assert said == "unit 'Memory' of /x/m.py: property 'a' is there twice."
