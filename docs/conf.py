"""Sphinx: the documentation as a web site (`make docs`)."""

from striate import __version__

project = "striate"
release = version = __version__
extensions = ["myst_parser"]
html_theme = "furo"
html_title = f"striate {release}"
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
# Links to files of the repository outside docs/ are for readers on the repository's own pages.
suppress_warnings = ["myst.xref_missing"]
