"""The bytes of a call to Python values, and answers to bytes that the engine accepts.

The standard library's unmarshaller reads what arrives, on defusedxml's parser: no DTD, no
entities, nothing external; depth and number of elements are bounded. What leaves has no bare nil,
no i8, no character that XML cannot carry, and integers of 32 bits.
"""

from __future__ import annotations

import re
import xmlrpc.client
import zlib
from typing import Any
from xml.parsers.expat import ExpatError

from defusedxml.common import DefusedXmlException
from defusedxml.xmlrpc import DefusedExpatParser

from filtersched.ovirt.errors import WireError

MAX_DEPTH = 32  # of arrays and structs
MAX_ELEMENTS = 1_000_000
_MOST_LETTERS = 100  # of an integer, blanks and zeros in front included
INT_MIN, INT_MAX = -(2**31), 2**31 - 1

# Codes of the "Specification for Fault Code Interoperability", which clients of XML-RPC know.
NOT_WELL_FORMED = -32700
INVALID_CALL = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

_IDS = re.compile(rb"<array><data>((?:<value>[\w-]+</value>){9,})</data></array>")
_REFERENCES = re.compile(rb"(?:&#(?:[0-9]+|x[0-9a-fA-F]+);)+")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Marks(list[int]):
    """The arrays and structs that are open; not without end."""

    def append(self, mark: int) -> None:
        if len(self) >= MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        super().append(mark)


class _Unmarshaller(xmlrpc.client.Unmarshaller):
    """Reads integers of at most 64 bits, the largest that any client has, and the arrays that `_condensed` writes."""

    dispatch = dict(xmlrpc.client.Unmarshaller.dispatch)

    def end_whole(self, data: str) -> None:
        """Read an integer."""
        number = int(data) if len(data) <= _MOST_LETTERS else 2**64
        if not -(2**63) <= number < 2**63:
            raise ValueError(f"the integer {data[:20]}... has more than 64 bits")
        self.append(number)
        self._value = False

    def end_ids(self, data: str) -> None:
        """Read an array of texts without blanks."""
        self.append(data.split())
        self._value = False

    dispatch |= {"ids": end_ids}  # type: ignore[dict-item]
    dispatch |= dict.fromkeys(("int", "i1", "i2", "i4", "i8", "biginteger"), end_whole)  # type: ignore[arg-type]


def parse_call(body: bytes) -> tuple[str, list[Any]]:
    """(method name, parameters) of a request body. Raises WireError for anything else."""
    target = _Unmarshaller(use_builtin_types=True)
    target._marks = _Marks()
    try:
        if body.count(b"<") > 2 * MAX_ELEMENTS:
            raise ValueError(f"more than {MAX_ELEMENTS} elements")
        parser = DefusedExpatParser(target, forbid_dtd=True)
        # One call per text instead of one per entity reference: a page call is mostly references.
        parser._parser.buffer_text = True
        parser.feed(_condensed(repaired(body)))
        parser.close()
        arguments = list(target.close())
        name = target.getmethodname()
    except DefusedXmlException as error:
        raise WireError(f"refused XML: {type(error).__name__}", code=NOT_WELL_FORMED) from error
    except (xmlrpc.client.Error, IndexError, KeyError, TypeError, ArithmeticError) as error:
        raise WireError(f"not a call of XML-RPC: {error}", code=INVALID_CALL) from error
    except (ExpatError, UnicodeError, LookupError) as error:
        raise WireError(f"not well-formed XML: {error}", code=NOT_WELL_FORMED) from error
    except ValueError as error:
        raise WireError(f"not a call of XML-RPC: {error}", code=INVALID_CALL) from error
    if not isinstance(name, str):
        raise WireError("not a call of XML-RPC: there is no methodName", code=INVALID_CALL)
    return name, arguments


def _condensed(body: bytes) -> bytes:
    """`body` with each long array of ids as one element: the parser calls Python for each, at a microsecond a call."""
    if b"<array><data><value>" not in body or b"<!" in body:
        return body  # with "<!" it might be in a CDATA section, or in a comment
    return _IDS.sub(lambda run: b"<ids>%b</ids>" % run[1][7:-8].replace(b"</value><value>", b" "), body)


def repaired(body: bytes) -> bytes:
    """`body` with the character references mended that the engine writes and XML forbids.

    Its client writes one reference per UTF-16 unit: a pair becomes the character that it stands
    for; a lone surrogate or a control character becomes U+FFFD.
    """
    return _REFERENCES.sub(_mend, body) if b"&#" in body else body


def _mend(run: re.Match[bytes]) -> bytes:
    units = "".join(map(_unit, run[0][2:-1].split(b";&#")))
    text = units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "".join(f"&#{ord(character)};" for character in clean(text)).encode()


def _unit(digits: bytes) -> str:
    # More digits than any character has are not worth converting, and a huge number costs time.
    code = 0x110000 if len(digits) > 64 else int(digits[1:], 16) if digits[:1] == b"x" else int(digits)
    return chr(code) if code <= 0x10FFFF else "\ufffd"


def answer(value: Any) -> bytes:
    """The response that carries `value`: text, int, list and dict of these, else WireError."""
    return _response(f"<params><param>{_written(value, {})}</param></params>")


def fault(code: int, message: str) -> bytes:
    """The response that says what went wrong: faultCode and faultString, nothing else."""
    fault = {"faultCode": code, "faultString": message[:4000]}
    return _response(f"<fault>{_written(fault, {})}</fault>")


def _response(content: str) -> bytes:
    # A CR would be lost to XML's rules for line ends.
    content = clean(content).replace("\r", "&#13;")
    return f"<?xml version='1.0'?>\n<methodResponse>{content}</methodResponse>\n".encode()


def _written(value: Any, known: dict[Any, str]) -> str:
    """`value` in XML-RPC, of the types that the engine can read. Texts and numbers repeat: `known` has them."""
    kind = type(value)
    if kind is str or kind is int:
        if (written := known.get(value)) is None:
            tag, text = ("string", xmlrpc.client.escape(value)) if kind is str else ("int", clamped(value))
            written = known[value] = f"<value><{tag}>{text}</{tag}></value>"
        return written
    if kind is list or kind is tuple:
        return f"<value><array><data>{''.join([_written(item, known) for item in value])}</data></array></value>"
    if kind is dict:
        members = ((xmlrpc.client.escape(name), _written(item, known)) for name, item in value.items())
        inner = "".join(f"<member><name>{name}</name>{item}</member>" for name, item in members)
        return f"<value><struct>{inner}</struct></value>"
    raise WireError(f"an answer may not hold {kind.__name__}", code=INTERNAL_ERROR)


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
