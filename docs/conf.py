"""Sphinx: the pages are Markdown, and the same files read well without it."""

project = "filtersched"
author = "The filtersched authors"
extensions = ["myst_parser"]
exclude_patterns = ["_build", "plugin_template"]
myst_heading_anchors = 3
html_theme = "alabaster"
html_theme_options = {"description": "Nova-style filter and weigher scheduling", "page_width": "1100px"}
# Dotted names in the text are not meant as links to an API.
nitpicky = False
