"""Sphinx: the pages are Markdown, and the same files read well without it.

The build reaches no network. Links into the documentation of Python, numpy and oslo.config come from the lists
in `inventories/`; a name that is missing there is a warning, and `tox -e docs` fails.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any, get_args, get_origin

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext import intersphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.typing import stringify_annotation

import filtersched
import filtersched.testing
from filtersched.columns.stored import Stored

HERE = Path(__file__).resolve().parent

project = "filtersched"
author = "The filtersched authors"
copyright = author
version = release = filtersched.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "plugin_template"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"filtersched {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "monokai"

# Prompts and output are not copied.
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True

# Docstrings write code in single backticks.
default_role = "code"
add_module_names = False
python_use_unqualified_type_names = True
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": True}
autodoc_preserve_defaults = True
autosummary_generate = False
# Type variables and other private names; Placement is the part of a Selection that a pool reads, and Kind is how the
# library's own attributes are declared; SharedResources are the resources of a scheduler, seen together,
# and an Entity is an id of oVirt's with what is known of it.
nitpick_ignore_regex = [
    ("py:.*", r"filtersched\..*\._\w+"),
    ("py:class", r"filtersched\.hosts\.placement\.Placement"),
    ("py:class", r"filtersched\.hosts\.attribute_kinds\.Kind"),
    ("py:class", r"filtersched\.resources\.shared_resources\.SharedResources"),
    ("py:class", r"filtersched\.loading\.loader\.FurtherFilters"),
    ("py:class", r"filtersched\.hosts\.(pool_use\.PoolUse|several_decisions\.SharedByDecisions)"),
    ("py:class", r"filtersched\.inventory\.flavor_reader\.Flavors"),
    ("py:class", r"filtersched\.schedulers\.profiles\.Profiles"),
    ("py:class", r"filtersched\.planning\.(amounts|metrics|outcome|runners|runs|simulation)\.\w+"),
    ("py:class", r"filtersched\.ovirt\.entities\.(Entity|Hosts)"),
    # Of prometheus-client and OpenTelemetry, which have no lists of their own here.
    ("py:class", r"CollectorRegistry|Tracer"),
]

INVENTORIES = HERE / "_build" / "inventories"
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", str(INVENTORIES / "python.inv")),
    "numpy": ("https://numpy.org/doc/stable", str(INVENTORIES / "numpy.inv")),
    "oslo.config": ("https://docs.openstack.org/oslo.config/latest", str(INVENTORIES / "oslo.config.inv")),
}


def compile_inventories() -> None:
    """Make the lists in `inventories/` readable for intersphinx: `name domain:role address`, a line each."""
    INVENTORIES.mkdir(parents=True, exist_ok=True)
    for source in sorted((HERE / "inventories").glob("*.txt")):
        lines = source.read_text(encoding="utf-8").splitlines()
        entries = [line.split() for line in lines if line and not line.startswith("#")]
        body = "".join(f"{name} {role} 1 {address} -\n" for name, role, address in entries)
        head = f"# Sphinx inventory version 2\n# Project: {source.stem}\n# Version: \n"
        head += "# The remainder of this file is compressed using zlib.\n"
        (INVENTORIES / f"{source.stem}.inv").write_bytes(head.encode() + zlib.compress(body.encode()))


compile_inventories()
sys.path.insert(0, str(HERE))
(HERE / "layout.md").write_text(importlib.import_module("generate_layout").page(), encoding="utf-8")

PUBLIC = {
    **dict.fromkeys(filtersched.testing.__all__, "filtersched.testing"),
    **dict.fromkeys(filtersched.__all__, "filtersched"),
}
# Classes that users meet in signatures only, and what they may take them for. If the build does not find a class of a
# public signature, export the class and give it a section in api/, or add it here.
TAKEN_FOR = {
    "Metrics": "tuple",
    "NUMALimits": "tuple",
    "datetime": "datetime.datetime",
    "FrozenDict": "collections.abc.Mapping",
    "Opt": "oslo_config.cfg.Opt",
    "Placement": "Selection",
    "Reads": "tuple",
    "RowsOf": "tuple",
    "SchedulerConf": "oslo_config.cfg.ConfigOpts",
    "Service": "collections.abc.Mapping",
}
# Only the library makes objects of these classes, so their constructors are not shown.
MADE_BY_THE_LIBRARY = {
    "Explanation",
    "FilterStep",
    "HostAttribute",
    "HostVerdicts",
    "Selection",
    "Verdict",
    "WeighedHost",
    "WeigherColumn",
}


def show_types_plainly() -> None:
    """Replace `Stored[given, read]` by the type that counts: `given` for parameters, `read` for attributes."""
    public = (pkgutil.resolve_name(f"{module}:{name}") for name, module in PUBLIC.items())
    for cls in {base for found in public if inspect.isclass(found) for base in inspect.getmro(found)}:
        if cls.__module__.startswith("filtersched."):
            scope = vars(sys.modules[cls.__module__])
            for name, annotation in inspect.get_annotations(cls).items():
                cls.__annotations__[name] = _plainly(annotation, scope, 1)
            parameters = getattr(cls.__dict__.get("__init__"), "__annotations__", {})
            parameters.update({name: _plainly(annotation, scope, 0) for name, annotation in parameters.items()})


def _plainly(annotation: Any, scope: dict[str, Any], which: int) -> Any:
    if not isinstance(annotation, str):
        return annotation
    tree = ast.parse(annotation, mode="eval").body
    if isinstance(tree, ast.Name) and get_origin(scope.get(tree.id)) is Stored:
        return stringify_annotation(get_args(scope[tree.id])[which])
    if isinstance(tree, ast.Subscript) and ast.unparse(tree.value) == "Stored" and isinstance(tree.slice, ast.Tuple):
        return ast.unparse(tree.slice.elts[which])
    return annotation


show_types_plainly()


def resolve_public_name(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, contnode: nodes.Element
) -> nodes.reference | None:
    """Link a class by the name that users import, wherever in the package it is defined."""
    if node.get("refdomain") != "py":
        return None
    stand_in = TAKEN_FOR.get(node["reftarget"].rpartition(".")[2])
    if stand_in is not None:
        node["reftarget"] = stand_in
    if stand_in is not None and stand_in not in PUBLIC:
        return intersphinx.missing_reference(app, env, node, contnode)
    parts = node["reftarget"].removeprefix("filtersched.").split(".")
    place = next((at for at, part in enumerate(parts) if part in PUBLIC), None)
    if place is None:
        return None
    target = ".".join([PUBLIC[parts[place]], *parts[place:]])
    if target == node["reftarget"]:
        return None
    domain = env.get_domain("py")
    found: Any = domain.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], target, node, contnode)
    return found


def leave_out_signature(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str | None, returns: str | None
) -> tuple[str, str | None] | None:
    """Show no constructor for what only the library makes."""
    if what == "class" and name.rpartition(".")[2] in MADE_BY_THE_LIBRARY:
        return "", returns
    return None


_FACT = re.compile(r"(?P<names>\w+(?:, \w+)*) : (?P<text>.*)")


def mark_up_facts(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Turn the lines `name : what it is` of a docstring into a list of definitions."""
    marked: list[str] = []
    inside = False
    for line in lines:
        fact = _FACT.fullmatch(line)
        if fact is not None:
            text = fact["text"][:1].upper() + fact["text"][1:]
            marked += [] if inside else [""]
            marked += [f"**{fact['names']}**", f"    {text}"]
            inside = True
        else:
            ends = inside and line and not line.startswith(" ")
            marked += ["", line] if ends else [line]
            inside = inside and not ends
    lines[:] = marked


def describe_host_attributes() -> None:
    """Take what the attributes of HostState are from the table of the class, where autodoc looks for comments."""
    comments = ModuleAnalyzer.for_module(filtersched.HostState.__module__)
    comments.analyze()
    for name, attribute in filtersched.HostState.attributes.items():
        unit = f" In {attribute.unit}." if attribute.unit else ""
        comments.attr_docs["HostState", name] = [f"{attribute.doc}{unit}", ""]


describe_host_attributes()


def draw_pictures(app: Sphinx, problem: Exception | None) -> None:
    """Draw the pictures again where Graphviz is installed; elsewhere the committed drawings are shown."""
    if problem is not None or app.builder.format != "html" or shutil.which("dot") is None:
        return
    for source in sorted((HERE / "images").glob("*.dot")):
        drawing = Path(app.outdir) / "_images" / f"{source.stem}.svg"
        if drawing.exists():
            subprocess.run(["dot", "-Tsvg", f"-o{drawing}", str(source)], check=True)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("missing-reference", resolve_public_name)
    app.connect("autodoc-process-docstring", mark_up_facts)
    app.connect("autodoc-process-signature", leave_out_signature)
    app.connect("build-finished", draw_pictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
