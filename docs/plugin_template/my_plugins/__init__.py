"""Filters and weighers of my own."""
