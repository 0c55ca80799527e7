"""Resources that hosts share: a rack's power, the licences of an aggregate, the quota of a project.

May import: filters, plugins, results, hosts, requests, settings, columns, errors.
"""

from filtersched.resources.shared_resource import SharedResource

__all__ = ["SharedResource"]
