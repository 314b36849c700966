"""Writes what striate is installed with: `requirements.lock` (versions and SHA-256) and `sbom.json` (CycloneDX).

    python tools/lock_dependencies.py

asks pip which wheels it would install for the dependencies of `pyproject.toml`, on every kind of computer and every
Python of `COMPUTERS` and `PYTHONS`, all in the versions that the first of them gets. Nothing is installed. Then

    pip install --require-hashes --only-binary :all: -r requirements.lock

installs exactly these files, or nothing.
"""

import importlib.metadata
import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMPUTERS = ("x86_64", "aarch64")
PYTHONS = ("3.11", "3.12", "3.13")
_KINDS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17", "manylinux2014")
_LICENSES = {"BSD License": "BSD-3-Clause", "MIT License": "MIT", "Apache Software License": "Apache-2.0"}


def wheels(requirements: list[str], computer: str, python: str) -> list[dict]:
    """What pip would install there: metadata and hash of each wheel."""
    platforms = [word for kind in _KINDS for word in ("--platform", f"{kind}_{computer}")]
    with tempfile.TemporaryDirectory() as target:
        done = subprocess.run([sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed",
                               "--report", "-", "--target", target, "--only-binary", ":all:", "--python-version",
                               python, *platforms, *requirements], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["install"]


def license_of(name: str) -> str:
    """The licence as SPDX names it, as far as the package says which; it is installed where this runs."""
    facts = importlib.metadata.metadata(name)
    if facts.get("License-Expression"):
        return facts["License-Expression"]
    found = [line.rpartition(" :: ")[2] for line in facts.get_all("Classifier", []) if line.startswith("License ::")]
    return _LICENSES.get(found[0], found[0]) if found else facts.get("License", "unknown").splitlines()[0]


def locked() -> dict[str, dict]:
    """name -> version, licence, what it needs and the hashes of its wheels."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    found: dict[str, dict] = {}
    for computer in COMPUTERS:
        for python in PYTHONS:
            pinned = [f"{name}=={row['version']}" for name, row in found.items()] or wanted
            for item in wheels(pinned, computer, python):
                metadata, name = item["metadata"], item["metadata"]["name"].lower().replace("_", "-")
                row = found.setdefault(name, {"version": metadata["version"], "license": license_of(name),
                                              "hashes": set()})
                row["hashes"].add(item["download_info"]["archive_info"]["hashes"]["sha256"])
    return dict(sorted(found.items()))


def main() -> None:
    rows = locked()
    lines = ["# Written by tools/lock_dependencies.py. pip install --require-hashes --only-binary :all: "
             "-r requirements.lock"]
    for name, row in rows.items():
        lines += [f"{name}=={row['version']} \\",
                  *(f"    --hash=sha256:{digest} \\" for digest in sorted(row["hashes"]))]
        lines[-1] = lines[-1].removesuffix(" \\")
    (ROOT / "requirements.lock").write_text("\n".join(lines) + "\n", "utf-8")
    components = [{"type": "library", "name": name, "version": row["version"],
                   "purl": f"pkg:pypi/{name}@{row['version']}", "licenses": [{"expression": row["license"]}],
                   "hashes": [{"alg": "SHA-256", "content": digest} for digest in sorted(row["hashes"])]}
                  for name, row in rows.items()]
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": {"component": {"type": "library", "name": "striate"}}, "components": components}
    (ROOT / "sbom.json").write_text(json.dumps(bill, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
