"""Promise 36: few dependencies, and what they are is written down: versions, hashes, licences; nothing else is used."""

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CORE = [Requirement(text) for text in PROJECT["dependencies"]]
EXTRAS = {name: [Requirement(text) for text in rows] for name, rows in PROJECT["optional-dependencies"].items()}
MOST_CORE, MOST_IN_ALL = 7, 11
"""striate asks for so many packages, and is installed with so many: more is a decision, not an accident."""
FREE = {"MIT", "MIT-CMU", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "LLVM-exception", "0BSD", "Zlib", "CC0-1.0",
        "ISC", "PSF-2.0"}
PART_OF_AN_EXTRA = {"google"}
"""onnx brings protobuf, whose errors it raises."""
MODULES = {"pillow": "PIL", "scikit-learn": "sklearn"}


def lock():
    """name -> (version, hashes) of requirements.lock."""
    text = (ROOT / "requirements.lock").read_text("utf-8").replace("\\\n", " ")
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {row[0].partition("==")[0]: (row[0].partition("==")[2],
                                        [word.removeprefix("--hash=sha256:") for word in row[1:]]) for row in rows}


def bill():
    return {row["name"]: row for row in json.loads((ROOT / "sbom.json").read_text("utf-8"))["components"]}


def test_dependencies_are_few():
    assert len(CORE) <= MOST_CORE and len(lock()) <= MOST_IN_ALL


def test_the_lock_is_that_of_pyproject():
    """Every dependency is locked in a version that pyproject allows, with whole hashes, and no other package is."""
    rows = lock()
    for requirement in CORE:
        assert requirement.specifier.contains(rows[requirement.name][0]), requirement
    assert all(hashes and all(re.fullmatch("[0-9a-f]{64}", digest) for digest in hashes) for _, hashes in rows.values())
    needed, waiting = set(), [requirement.name for requirement in CORE]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in needed:
            needed.add(name)
            rest = map(Requirement, importlib.metadata.requires(name) or [])
            waiting += [item.name for item in rest if item.marker is None or item.marker.evaluate({"extra": ""})]
    assert needed == set(rows), "run tools/lock_dependencies.py"


def test_what_is_installed_is_what_pyproject_asks_for():
    """Where these tests run, every package that is there has a version that is allowed."""
    for requirement in [*CORE, *(item for rows in EXTRAS.values() for item in rows)]:
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            assert requirement not in CORE, f"{requirement} is not installed"
            continue
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}: {version} is installed"


def test_the_bill_names_the_same_with_free_licences():
    rows, named = lock(), bill()
    assert {name: (row["version"], [item["content"] for item in row["hashes"]]) for name, row in named.items()} == rows
    for name, row in named.items():
        (license,) = row["licenses"]
        assert set(re.findall(r"[\w.-]+", license["expression"])) <= FREE | {"AND", "OR", "WITH"}, (name, license)


@pytest.mark.slow
def test_sources_import_only_what_is_asked_for():
    """Modules of other packages: those of the dependencies anywhere, those of the extras inside functions only."""
    core = {MODULES.get(item.name, item.name.replace("-", "_")) for item in CORE} | {"llvmlite"}
    extra = {MODULES.get(item.name, item.name.replace("-", "_")) for name, rows in EXTRAS.items()
             if name not in ("dev", "docs") for item in rows}
    own_room = {"uvicorn": "explore/", "starlette": "explore/", "sklearn": "wrappers/"}  # loaded when asked for
    wrong = []
    for path in sorted((ROOT / "striate").rglob("*.py")):
        where = path.relative_to(ROOT / "striate").as_posix()
        tree = ast.parse(path.read_text("utf-8"))
        first = {id(node) for node in tree.body}
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else \
                [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in (name.partition(".")[0] for name in names):
                if name in sys.stdlib_module_names or name in core or name == "striate":
                    continue
                late = id(node) not in first or where.startswith(own_room.get(name, "nowhere"))
                if not late or name not in extra | PART_OF_AN_EXTRA:
                    wrong.append(f"striate/{where}:{node.lineno} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_security_has_a_contact_and_a_scope():
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    assert "Report a vulnerability" in text and "## What striate promises" in text
    assert "## What it does not promise" in text and "requirements.lock" in text


@pytest.mark.nightly
def test_the_locked_files_can_be_installed(tmp_path):
    """pip finds exactly these files, whatever has become of newer ones."""
    done = subprocess.run([sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps",
                           "--require-hashes", "--only-binary", ":all:", "--target", str(tmp_path), "-r",
                           str(ROOT / "requirements.lock")], capture_output=True, text=True)
    if "Failed to establish" in done.stderr or "No matching distribution" in done.stderr:
        pytest.skip("no package index is reachable")
    assert done.returncode == 0, done.stderr
