"""What scheduling returns: selections and their explanations.

May import: hosts, requests, columns, errors.
"""
