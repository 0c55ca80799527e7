"""What `--check` finds in the source of plug-in files, without running them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from filtersched.ovirt.source_checks import Finding, source_findings


def nothing_is_installed(_name: str) -> bool:
    return False


def found(source: str) -> list[tuple[int, str]]:
    return [(finding.line, finding.text) for finding in source_findings(source, nothing_is_installed)]


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("print x", "Write print(…)"),
        ("print 'a', x", "Write print(…)"),
        ("print [host for host in hosts]", "Write print(…)"),
        ("print -1", "Write print(…)"),
        ("if x: print y", "Write print(…)"),
        ("print >>sys.stderr, 'lost'", "Write print(…, file=FILE)"),
        ("print >> log, x", "Write print(…, file=FILE)"),
        ("print(map(str, hosts))", "Write print(list(…))"),
        ("print(found.keys())", "Write print(list(…))"),
        ("if args.has_key('x'): pass", "Write 'key in mapping'"),
        ("x = unicode(y)", "unicode is Python 2. Write str."),
        ("isinstance(x, unicode)", "unicode is Python 2. Write str."),
        ("isinstance(x, (str, unicode))", "unicode is Python 2. Write str."),
        ("isinstance(x, basestring)", "basestring is Python 2. Write str."),
        ("for i in xrange(3): pass", "xrange is Python 2. Write range."),
        ("x = long(args['a'])", "long is Python 2. Write int."),
        ("f = file('x')", "file is Python 2. Write open."),
        ("reduce(f, x)", "Write functools.reduce."),
        ("scores.sort(cmp=compare)", "functools.cmp_to_key"),
        ("scores.sort(compare)", "functools.cmp_to_key"),
        ("scores.sort(lambda a, b: a - b)", "functools.cmp_to_key"),
        ("sorted(scores, cmp=compare)", "functools.cmp_to_key"),
        ("sorted(scores, lambda a, b: a - b)", "functools.cmp_to_key"),
        ("d.keys()[0]", "Write list(…)[0]."),
        ("d.values()[0]", "Write list(…)[0]."),
        ("k = d.keys().sort()", "Write sorted(…)."),
        ("filter(None, x)[0]", "Write list(…)[0]."),
        ("for k, v in d.iteritems(): pass", "iteritems() is Python 2. Write items()."),
        ("try:\n  pass\nexcept ValueError, error: pass", "Write 'except Error as name'."),
        ("try:\n  pass\nexcept (ValueError, OSError), error: pass", "Write 'except Error as name'."),
        ("raise ValueError, 'no'", "Write raise Error(text)."),
        ("exec 'x = 1'", "Write exec(text)."),
        ("x = `y`", "Write repr(…)."),
        ("if x <> y: pass", "Write '!='."),
        ("os.chmod(x, 0755)", "Write 0o755."),
        ("x = 10L", "Leave out the L."),
        ("x = ur'a'", "Write r'…'."),
        ("from ovirtsdk.api import API", "ovirt-engine-sdk-python"),
        ("def f():\n    from ovirtsdk.xml import params", "engine_url"),
        ("import sys, urllib2", "urllib2 is Python 2. Use urllib.request."),
        ("import ConfigParser", "Use configparser."),
    ],
)
def test_a_leftover_of_python_2_has_a_hint_what_to_write(source, hint):
    ((line, text),) = [one for one in found(source) if "/" not in one[1]]
    assert hint in text
    assert line == source.count("\n") + 1


@pytest.mark.parametrize(
    "source",
    [
        "print(x)",
        "print (x, y)",
        "print",
        "print()",
        "print(x, file=sys.stderr)",
        "f = print",
        "print = log.info",
        "# print x, d.has_key(y), unicode(z)",
        "'print x'; '''\nprint x\nd.has_key(1)\n'''",
        'x = "it\'s"  # print x',
        "x = r'\\'  ; '",
        "self.print(x)",
        "names.sort()",
        "numpy.sort(scores)",
        "names.sort(key=len)",
        "names.sort(reverse=True)",
        "sorted(names, key=lambda host: host.memory)",
        "max(names, key=lambda a, b=1: a)",
        "list(d.keys())[0]",
        "unicode = str\nunicode(x)",
        "try:\n    unicode\nexcept NameError:\n    unicode = str\nunicode(x)",
        "from functools import reduce\nreduce(f, x)",
        "def cmp(a, b): return a - b\ncmp(1, 2)",
        "def f(self, file): return file(1)",
        "for file in files: file(x)",
        "self.long(x)",
        "try:\n    import ConfigParser\nexcept ImportError:\n    import configparser",
        "except_(a, b)",
        "x = 0; y = 00; z = 0.05; w = 007.5; v = 0o17; u = 0x1f",
        "x = a[1:05.5]",
        "x = u'a' + b'b'",
        "raise ValueError('a, b')",
        "raise ValueError from error",
        "import queue, pickle",
        "x = y\\\n  .z",
    ],
)
def test_what_python_3_accepts_is_no_leftover(source):
    assert found(source) == []


def test_the_line_is_that_of_the_token_also_inside_a_long_statement():
    source = "text = '''\n\n'''\nx = [\n    1,\n    d.has_key(2),\n]\n\\\n\n\nprint x\n"
    assert [line for line, _text in found(source)] == [6, 11]


def test_windows_line_ends_and_tabs_do_not_hide_a_leftover():
    assert [line for line, _text in found("if x:\r\n\tprint x\r\n\tprint y\r\n")] == [2, 3]


def test_a_module_that_can_be_found_is_no_leftover():
    assert source_findings("from ovirtsdk.api import API", lambda name: name == "ovirtsdk") == []


def test_a_division_is_mentioned_where_the_file_is_in_the_originals_manner():
    (finding,) = source_findings("x = a / 2\ny = a // 2\nz = b /2\nprint(x)\n", nothing_is_installed)
    assert finding == Finding(
        1,
        "'/' between whole numbers gives a float in Python 3 (line 1, 3). Write '//' for a whole number.",
        is_problem=False,
    )


def test_a_division_in_a_file_that_returns_its_answer_is_not_mentioned():
    assert found("def scoreFunction(hosts, vm, args):\n    return [(host, host.memory / 2) for host in hosts]\n") == []


@pytest.mark.parametrize("source", ["", "(", "'", '"""', "\\", "\0", "x = [" * 300, "é = 1", "\ufeffx = 1", "`" * 5])
def test_any_text_is_read(source):
    assert all(isinstance(finding, Finding) for finding in source_findings(source, nothing_is_installed))


def test_no_module_of_the_standard_library_has_a_leftover():
    """The rules don't cry wolf: hundreds of files that are known to be Python 3."""
    folder = Path(ast.__file__).parent
    paths = [path for name in ("json", "email", "asyncio", "xmlrpc", "http") for path in (folder / name).glob("*.py")]
    assert len(paths) > 60
    said = {
        path.name: [finding for finding in source_findings(path.read_text(), lambda _name: True) if finding.is_problem]
        for path in paths
    }
    assert {name: findings for name, findings in said.items() if findings} == {}, sys.version
