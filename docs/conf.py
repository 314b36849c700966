"""Sphinx: the documentation as a web site (`make docs`)."""

import sys
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]

import reference_pages  # noqa: E402

from striate import __version__  # noqa: E402

project = "striate"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"striate {release}"
html_copy_source = False
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]
autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
# Links to files of the repository outside docs/ are for readers on the repository's own pages.
suppress_warnings = ["myst.xref_missing"]


def setup(app):
    """Writes the reference's pages first, and reads docstrings as they are meant."""
    reference_pages.write(FOLDER / "reference" / "generated")
    app.connect("autodoc-process-docstring", reference_pages.to_restructured_text)
