"""Sphinx: the documentation as a web site (`make docs`)."""

import sys
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]

import reference_pages  # noqa: E402

from striate import __version__  # noqa: E402

project = "striate"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"striate {release}"
html_copy_source = False
html_show_copyright = False
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]
autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
# Links to files of the repository outside docs/ are for readers on the repository's own pages.
suppress_warnings = ["myst.xref_missing"]


def write_benchmarks() -> None:
    """What docs/benchmarks.md includes: the tables of the stored runs, or a sentence if there are none."""
    results = sorted((FOLDER.parent / "benchmarks" / "results").glob("*.md"))
    parts = [path.read_text("utf-8").replace("\n#", "\n##").replace("# ", "## ", 1)
             .replace(f"]({path.stem}", f"](../benchmarks/results/{path.stem}") for path in results]
    generated = FOLDER / "generated" / "benchmarks.inc"
    generated.parent.mkdir(exist_ok=True)
    generated.write_text("\n".join(parts) or "No run is stored in this copy of the repository.\n", "utf-8")


def setup(app):
    """Writes the reference's pages first, and reads docstrings as they are meant."""
    write_benchmarks()
    reference_pages.write(FOLDER / "reference" / "generated")
    app.connect("autodoc-process-docstring", reference_pages.to_restructured_text)
