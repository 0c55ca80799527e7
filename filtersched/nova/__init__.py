"""Nova's own module names, for plug-ins that import them where Nova is not installed.

`names` is the table of stand-ins, `finder` the import hook that answers with them, `adapted` takes in
plug-ins that derive from the classes of a real Nova. The other modules are the stand-ins themselves.

May import: filters, weighers, utils, plugins, results, hosts, requests, settings, columns, errors.
"""

import threading

from filtersched.nova import finder, missing_names
from filtersched.nova.adapted import adapted
from filtersched.nova.conf import is_novas, spread_values
from filtersched.nova.imports import stand_ins_of

__all__ = ["adapted", "is_novas", "prepare_imports", "spread_values", "stand_ins_of"]

_preparing = threading.Lock()
_prepared = False


def prepare_imports() -> None:
    """Let plug-ins of others import Nova's modules from now on; called before the first is loaded."""
    global _prepared
    with _preparing:
        if not _prepared:
            missing_names.lend_if_installed()
            finder.install()
            _prepared = True
