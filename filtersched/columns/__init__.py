"""Arrays, distinct values and read-only containers. Knows nothing of scheduling.

May import: errors. Everything else may import it.
"""
