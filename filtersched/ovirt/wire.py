"""The bytes of a call to Python values, and answers to bytes that the engine accepts.

What arrives is read by defusedxml's parser: no DTD, no entities, nothing external; depth and
number of elements are bounded. What leaves has no bare nil, no i8, no character that XML cannot
carry, and integers of 32 bits.
"""

from __future__ import annotations

import re
import xmlrpc.client
import zlib
from collections.abc import Callable
from typing import Any
from xml.parsers.expat import ExpatError

from defusedxml.common import DefusedXmlException
from defusedxml.xmlrpc import DefusedExpatParser

from filtersched.ovirt.errors import WireError

MAX_DEPTH = 64
MAX_ELEMENTS = 1_000_000
INT_MIN, INT_MAX = -(2**31), 2**31 - 1

# Codes of the "Specification for Fault Code Interoperability", which clients of XML-RPC know.
NOT_WELL_FORMED = -32700
INVALID_CALL = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

_REFERENCE = re.compile(rb"&#(?:[0-9]+|x[0-9a-fA-F]+);")
_REFERENCES = re.compile(rb"(?:&#(?:[0-9]+|x[0-9a-fA-F]+);)+")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACEMENT = 0xFFFD


def parse_call(body: bytes) -> tuple[str, list[Any]]:
    """(method name, parameters) of a request body. Raises WireError for anything else."""
    target = _Call()
    try:
        parser = DefusedExpatParser(target, forbid_dtd=True)
        # One call per text instead of one per entity reference: a page call is mostly references.
        parser._parser.buffer_text = True
        parser.feed(repaired(body))
        parser.close()
        return target.call()
    except DefusedXmlException as error:
        raise WireError(f"refused XML: {type(error).__name__}", code=NOT_WELL_FORMED) from error
    except (ExpatError, UnicodeError, LookupError) as error:
        raise WireError(f"not well-formed XML: {error}", code=NOT_WELL_FORMED) from error
    except ValueError as error:
        raise WireError(f"not a call of XML-RPC: {error}", code=INVALID_CALL) from error


def repaired(body: bytes) -> bytes:
    """`body` with the character references mended that the engine writes and XML forbids.

    Its client writes one reference per UTF-16 unit: a pair becomes the character that it stands
    for; a lone surrogate or a control character becomes U+FFFD.
    """
    if b"&#" not in body:
        return body
    return _REFERENCES.sub(_mend_run, body)


def _mend_run(run: re.Match[bytes]) -> bytes:
    units = [_code(reference[0]) for reference in _REFERENCE.finditer(run[0])]
    out = []
    at = 0
    while at < len(units):
        unit = units[at]
        following = units[at + 1] if at + 1 < len(units) else 0
        if 0xD800 <= unit <= 0xDBFF and 0xDC00 <= following <= 0xDFFF:
            unit = 0x10000 + ((unit - 0xD800) << 10) + (following - 0xDC00)
            at += 1
        elif 0xD800 <= unit <= 0xDFFF or unit > 0x10FFFF or _NOT_XML.match(chr(unit)):
            unit = _REPLACEMENT
        out.append(b"&#%d;" % unit)
        at += 1
    return b"".join(out)


def _code(reference: bytes) -> int:
    digits = reference[2:-1]
    # More digits than any character has are not worth converting, and a huge number costs time.
    if len(digits) > 64:
        return _REPLACEMENT
    return int(digits[1:], 16) if digits[:1] == b"x" else int(digits)


class _Name(str):
    """The name of a struct's member, as opposed to its value."""

    __slots__ = ()


class _Call:
    """Builds the call while the parser reads it: the parser's handlers are its methods.

    The standard unmarshaller takes three times as long for a list of ids, accepts members
    without a name, and has no bounds.
    """

    def __init__(self) -> None:
        self._open: list[str] = []
        self._elements = 0
        self._pieces: list[str] = []
        self.data = self._pieces.append
        self._value: Any = None
        self._typed = False
        self._lists: list[list[Any]] = [[]]
        self._method: str | None = None

    def xml(self, _encoding: Any, _standalone: Any) -> None:
        """Called by the parser once, before anything else."""

    def start(self, tag: str, _attributes: Any) -> None:
        if ":" in tag:
            tag = tag.rpartition(":")[2]
        self._elements += 1
        self._open.append(tag)
        if len(self._open) > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        if self._elements > MAX_ELEMENTS:
            raise ValueError(f"more than {MAX_ELEMENTS} elements")
        self._pieces.clear()
        if tag == "value":
            self._typed = False
        elif tag in ("array", "struct"):
            self._lists.append([])

    def end(self, _tag: str) -> None:
        tag = self._open.pop()
        text = "".join(self._pieces)
        self._pieces.clear()
        if tag == "value":
            self._lists[-1].append(self._value if self._typed else text)
            self._typed = False
        elif tag in _SCALARS:
            self._value, self._typed = _SCALARS[tag](text), True
        elif tag == "name":
            self._lists[-1].append(_Name(text))
        elif tag == "array":
            self._value, self._typed = self._lists.pop(), True
        elif tag == "struct":
            self._value, self._typed = _struct(self._lists.pop()), True
        elif tag == "methodName":
            self._method = text
        elif tag not in _CONTAINERS:
            raise ValueError(f"unknown element {tag!r}")
        if not self._open and tag != "methodCall":
            raise ValueError(f"the root must be methodCall, not {tag!r}")

    def call(self) -> tuple[str, list[Any]]:
        """What was read, once the parser is done."""
        if self._method is None:
            raise ValueError("there is no methodName")
        return self._method, self._lists[0]


def _struct(items: list[Any]) -> dict[str, Any]:
    names, values = items[0::2], items[1::2]
    if (
        len(names) != len(values)
        or not all(type(name) is _Name for name in names)
        or any(type(value) is _Name for value in values)
    ):
        raise ValueError("each member of a struct must be a name and a value")
    return {str(name): value for name, value in zip(names, values, strict=True)}


def _boolean(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError(f"{text!r} is not a boolean")
    return text == "1"


def _nothing(_text: str) -> None:
    return None


_CONTAINERS = frozenset(("methodCall", "params", "param", "data", "member"))
_SCALARS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "boolean": _boolean,
    "nil": _nothing,
    **dict.fromkeys(("i1", "i2", "i4", "i8", "int", "biginteger"), int),
    **dict.fromkeys(("double", "float", "bigdecimal"), float),
    # Of no use to any method here: handed on as text, so that the type check names the argument.
    **dict.fromkeys(("base64", "dateTime.iso8601", "dateTime"), str),
}


def answer(value: Any) -> bytes:
    """The response that carries `value`: text, int, list and dict of these."""
    return _document((carried(value),))


def fault(code: int, message: str) -> bytes:
    """The response that says what went wrong: faultCode and faultString, nothing else."""
    return _document(xmlrpc.client.Fault(clamped(code), clean(message)[:4000]))


def _document(content: Any) -> bytes:
    text = xmlrpc.client.dumps(content, methodresponse=True, encoding="utf-8")
    # A CR would be lost to XML's rules for line ends.
    return text.replace("\r", "&#13;").encode("utf-8")


def carried(value: Any) -> Any:
    """`value` as the engine can read it. Raises WireError for a type it could not."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool) or not isinstance(value, int | list | tuple | dict):
        raise WireError(f"an answer may not hold {type(value).__name__}", code=INTERNAL_ERROR)
    if isinstance(value, int):
        return clamped(value)
    if isinstance(value, dict):
        return {clean(str(key)): carried(item) for key, item in value.items()}
    return [carried(item) for item in value]


def clean(text: str) -> str:
    """`text` with what XML cannot carry replaced by U+FFFD; always a plain str."""
    return _NOT_XML.sub("\ufffd", text)


def clamped(number: int) -> int:
    """The nearest integer of 32 bits."""
    return max(INT_MIN, min(INT_MAX, number))


def inflated(body: bytes, limit: int) -> bytes:
    """A gzip body unpacked. Raises WireError if it is damaged or larger than `limit` bytes."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise WireError(f"the gzip body is damaged: {error}", code=NOT_WELL_FORMED) from error
    if len(text) > limit:
        raise WireError(f"the body is larger than {limit} bytes once unpacked", code=INVALID_CALL)
    if not unpacker.eof:
        raise WireError("the gzip body is cut short", code=NOT_WELL_FORMED)
    return text
