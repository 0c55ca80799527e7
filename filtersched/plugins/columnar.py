"""What a columnar plug-in calls where operators are not enough: `from filtersched.plugins.columnar import of_each`.

Each function takes one host, or columns of many in the place of one, and gives the same answer for both.
"""

from filtersched.columns.column import (
    count_instances,
    either,
    filled,
    is_known,
    least,
    most,
    of_each,
    opposite,
)
from filtersched.hosts.look_ups import (
    count_instances_with,
    has_attribute,
    has_key,
    is_named,
    is_node,
    item,
    number_of_instances,
)

__all__ = [
    "count_instances",
    "count_instances_with",
    "either",
    "filled",
    "has_attribute",
    "has_key",
    "is_known",
    "is_named",
    "is_node",
    "item",
    "least",
    "most",
    "number_of_instances",
    "of_each",
    "opposite",
]
