"""From configured names to filters, weighers and drivers, strictly; the only user of stevedore.

May import: filters, weighers, plugins, settings, errors.
"""

from filtersched.loading.loader import list_installed_opts, list_opts

__all__ = ["list_installed_opts", "list_opts"]
