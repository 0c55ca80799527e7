"""The bytes of calls and answers, without a network."""

from __future__ import annotations

import uuid
import xmlrpc.client

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filtersched.ovirt import wire
from filtersched.ovirt.errors import WireError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31 - 1) | st.text(st.characters(min_codepoint=32), max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc<&", max_size=3), inner, max_size=3),
    max_leaves=12,
)


def engine_text(text: str) -> str:
    """Text as the engine's client writes it: entities, and one reference per UTF-16 unit."""
    units = text.encode("utf-16-le", "surrogatepass")
    written = []
    for at in range(0, len(units), 2):
        unit = units[at] | units[at + 1] << 8
        plain = chr(unit)
        if plain in "<>&":
            written.append({"<": "&lt;", ">": "&gt;", "&": "&amp;"}[plain])
        elif 0x20 <= unit <= 0x7E or plain in "\n\t":
            written.append(plain)
        else:
            written.append(f"&#{unit};")
    return "".join(written)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")))
@example("\U0001f600")
@example("a\U0010ffffb\ue000")
def test_text_in_the_engines_spelling_is_read_as_it_was_meant(text):
    body = f"<methodCall><methodName>m</methodName><params><param><value>{engine_text(text)}</value></param></params>"
    assert wire.parse_call(body.encode("ascii") + b"</methodCall>") == ("m", [text])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("&#55357;&#56832;", "\U0001f600"),
        ("&#55357;x&#56832;", "\ufffdx\ufffd"),
        ("&#56832;&#55357;", "\ufffd\ufffd"),
        ("&#55357;&#55357;&#56832;", "\ufffd\U0001f600"),
        ("&#1;&#9;&#233;", "\ufffd\t\u00e9"),
        ("&#x1F600;&#xD83D;&#xde00;", "\U0001f600\U0001f600"),
        ("&#65534;&#0;&#1114112;", "\ufffd\ufffd\ufffd"),
        ("&#" + "9" * 5000 + ";", "\ufffd"),
        ("&amp;#1;", "&#1;"),
    ],
)
def test_references_that_xml_forbids_are_mended(written, read):
    params = f"<params><param><value>{written}</value></param></params>"
    body = f"<methodCall><methodName>m</methodName>{params}</methodCall>"
    assert wire.parse_call(body.encode()) == ("m", [read])


@settings(deadline=None)
@given(st.lists(VALUES, max_size=4))
def test_calls_are_read_like_the_standard_library_reads_them(arguments):
    body = xmlrpc.client.dumps(tuple(arguments), "runFilters", allow_none=True).encode("utf-8", "surrogatepass")
    try:
        expected = list(xmlrpc.client.loads(body)[0])
    except Exception:
        return
    assert wire.parse_call(body) == ("runFilters", expected)


@pytest.mark.parametrize("count", [0, 1, 8, 9, 10, 1000])
def test_long_arrays_of_ids_are_read_like_short_ones(count):
    ids = [f"{number:08x}-1111-4111-8111-111111111111" for number in range(count)]
    written = f"<value><array><data>{''.join(f'<value>{id}</value>' for id in ids)}</data></array></value>"
    nested = f"<value><array><data>{written}<value><i4>1</i4></value></data></array></value>"
    body = f"<methodCall><methodName>m</methodName><params><param>{written}</param><param>{nested}</param></params>"
    assert wire.parse_call(f"{body}</methodCall>".encode()) == ("m", [ids, [ids, 1]])


def test_a_text_that_looks_like_a_long_array_stays_a_text():
    text = f"<array><data>{'<value>a</value>' * 20}</data></array>"
    body = f"<methodCall><methodName>m</methodName><params><param><value><![CDATA[{text}]]></value></param></params>"
    assert wire.parse_call(f"{body}</methodCall>".encode()) == ("m", [text])


@settings(deadline=None)
@given(st.binary(max_size=200))
@example(b"<methodCall><methodName>a</methodName><params><param><value><array></array></value></param></params></methodCall>")
def test_any_bytes_are_a_call_or_a_wire_error(body):
    try:
        name, arguments = wire.parse_call(body)
    except WireError:
        return
    assert (type(name), type(arguments)) == (str, list)


@pytest.mark.parametrize("kind", ["int", "i4", "i8"])
@pytest.mark.parametrize("number", [str(2**63), str(-(2**63) - 1), "9" * 5000, "-" + "9" * 5000], ids=len)
def test_integer_of_more_than_64_bits_is_refused_in_words(number, kind):
    written = f"<{kind}>{number}</{kind}>"
    call = f"<methodCall><methodName>m</methodName><params><param>{written}</param></params></methodCall>"
    with pytest.raises(WireError, match=rf"the integer {number[:19]}.* has more than 64 bits") as caught:
        wire.parse_call(call.encode())
    assert (caught.value.code, len(str(caught.value)) < 200) == (wire.INVALID_CALL, True)


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_integer_of_64_bits_is_read(number):
    call = f"<methodCall><methodName>m</methodName><params><param><i8> {number}</i8></param></params></methodCall>"
    assert wire.parse_call(call.encode()) == ("m", [number])


def test_more_elements_than_the_bound_are_refused(monkeypatch):
    body = xmlrpc.client.dumps(([str(uuid.uuid4())] * 100,), "m").encode()
    monkeypatch.setattr(wire, "MAX_ELEMENTS", 50)
    with pytest.raises(WireError, match="more than 50 elements"):
        wire.parse_call(body)


@settings(deadline=None)
@given(st.text() | st.text(st.characters(categories=("Cs", "Cc"))))
def test_any_text_leaves_as_xml_that_can_be_read(text):
    answer = wire.answer({"result": [text], text: 1})
    ((struct,), _method) = xmlrpc.client.loads(answer)
    assert struct["result"] == [wire.clean(text)]


@pytest.mark.parametrize(
    ("number", "sent"), [(2**31 - 1, 2**31 - 1), (2**31, 2**31 - 1), (-(2**31) - 1, -(2**31)), (10**40, 2**31 - 1)]
)
def test_integers_leave_within_32_bits(number, sent):
    assert xmlrpc.client.loads(wire.answer(number))[0] == (sent,)


@pytest.mark.parametrize("value", [None, 1.5, True, b"x", [None], {"a": 2.0}])
def test_what_the_engine_could_not_read_never_leaves(value):
    with pytest.raises(WireError):
        wire.answer(value)


def test_a_carriage_return_survives_the_rules_for_line_ends():
    assert xmlrpc.client.loads(wire.answer("a\r\nb"))[0] == ("a\r\nb",)


def test_a_fault_has_code_and_text_and_nothing_else():
    text = wire.fault(2**40, "\x00" + "x" * 10_000)
    with pytest.raises(xmlrpc.client.Fault) as caught:
        xmlrpc.client.loads(text)
    assert caught.value.faultCode == 2**31 - 1
    assert caught.value.faultString == "\ufffd" + "x" * 3999
    assert text.count(b"<member>") == 2
