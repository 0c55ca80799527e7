"""The fast path: the decisions of the plain handlers, bit for bit. Private to the library."""
