"""What filters and weighers share: the base class, options and declarations.

May import: results, hosts, requests, columns, errors.
"""
