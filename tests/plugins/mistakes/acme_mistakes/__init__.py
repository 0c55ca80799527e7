"""One mistake a class."""
