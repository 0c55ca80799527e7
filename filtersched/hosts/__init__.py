"""What there is to choose from: HostState and its parts, and HostPool, which keeps hosts in rows.

May import: requests, columns, errors, whole_file.
"""
