"""What the repository promises about its own form: imports, lazy loading, no code from data, tables that resolve."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import striate
from striate import config, errors

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "striate"
SOURCES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {"numba", "llvmlite", "h5py", "matplotlib", "rich", "PIL", "onnx", "mpi4py"}
FORBIDDEN_IMPORTS = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "yaml"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}


def name(path):
    return str(path.relative_to(ROOT))


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout


@pytest.fixture(scope="module")
def trees():
    return {path: ast.parse(path.read_text("utf-8")) for path in SOURCES}


def test_import_loads_nothing_heavy():
    loaded = json.loads(python("import json, sys, striate; print(json.dumps(sorted(sys.modules)))"))
    assert not HEAVY & {module.split(".")[0] for module in loaded}


def test_command_help_loads_nothing_heavy():
    code = ("import json, sys\nfrom striate.cli import main\n"
            "try: main(['--help'])\nexcept SystemExit: pass\n"
            "print(); print(json.dumps(sorted(sys.modules)))")
    loaded = json.loads(python(code).splitlines()[-1])
    assert not (HEAVY & {module.split(".")[0] for module in loaded})


def test_import_is_fast():
    code = ("import sys, time, numpy\nstart = time.perf_counter()\nimport striate\n"
            "print(time.perf_counter() - start)")
    assert min(float(python(code)) for _ in range(3)) < 0.05


@pytest.mark.parametrize("public", [entry for entry in striate.__all__ if entry != "__version__"])
def test_public_name_resolves(public):
    assert getattr(striate, public) is not None
    assert public in dir(striate)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = striate.nonsense


def test_stub_lists_the_same_names():
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text("utf-8"))
    listed = {alias.asname for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    listed |= {node.target.id for node in stub.body if isinstance(node, ast.AnnAssign)}
    assert listed == set(striate.__all__)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_code_from_data_and_no_assert(path, trees):
    for node in ast.walk(trees[path]):
        assert not isinstance(node, ast.Assert), f"assert in line {node.lineno}: raise an error of striate.errors"
        if isinstance(node, ast.Import):
            assert not FORBIDDEN_IMPORTS & {alias.name.split(".")[0] for alias in node.names}, node.lineno
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in FORBIDDEN_IMPORTS, node.lineno
            assert node.level == 0, f"relative import in line {node.lineno}"
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else None
            assert called not in FORBIDDEN_CALLS, f"{called}() in line {node.lineno}"
            unsafe = [word for word in node.keywords if word.arg in ("allow_pickle", "shell")]
            assert all(ast.unparse(word.value) == "False" for word in unsafe), node.lineno
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"bare except in line {node.lineno}"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_modules_functions_and_classes_have_docstrings(path, trees):
    tree = trees[path]
    assert ast.get_docstring(tree) or not tree.body, "the module has no docstring"
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    missing = [node.name for node in tree.body
               if isinstance(node, kinds) and not node.name.startswith("_") and not ast.get_docstring(node)]
    if missing:  # Families of layers share one text, which a decorator completes.
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        missing = [item for item in missing if not vars(module)[item].__doc__]
    assert not missing


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_sizes(path, trees):
    assert len(path.read_text("utf-8").splitlines()) <= 500
    limit = 120 if "kernels" in path.parts else 60
    for node in ast.walk(trees[path]):
        if isinstance(node, ast.FunctionDef):
            first = node.body[1].lineno if ast.get_docstring(node) and len(node.body) > 1 else node.lineno
            assert node.end_lineno - first < limit, f"{node.name} is too long"


def imported(tree):
    """What a module imports of striate: at its top, inside functions, and by a name in a string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module == "striate":
            yield from (f"striate.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (text.value for text in ast.walk(node.args[0]) if isinstance(text, ast.Constant))


def test_rooms_do_not_import_each_other(trees):
    arrows = {}
    for path, tree in trees.items():
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room != "__init__":  # The front door names every room, and every room may use what it names.
            others = {text.split(".")[1] for text in imported(tree) if text.startswith("striate.")}
            arrows.setdefault(room, set()).update(others - {room})
    mutual = sorted({tuple(sorted((a, b))) for a, others in arrows.items() for b in others if a in arrows.get(b, ())})
    assert mutual == []


def test_import_rules():
    pytest.importorskip("importlinter")
    done = subprocess.run([str(Path(sys.executable).parent / "lint-imports"), "--no-cache"], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_catalogue_rows_resolve():
    from striate.kernels import KERNELS

    for row in KERNELS.values():
        factory = getattr(importlib.import_module(row.module), row.factory)
        kinds = {parameter.kind for parameter in inspect.signature(factory).parameters.values()}
        assert kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}, row.name
        assert row.computes


def test_every_error_is_a_striate_error():
    for kind in vars(errors).values():
        if inspect.isclass(kind) and issubclass(kind, Exception):
            assert issubclass(kind, errors.StriateError)


def test_environment_variables_are_read_in_the_table_only(trees):
    for path, tree in trees.items():
        if path.name == "config.py":
            continue
        text = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        variables = {row.variable for row in config.SETTINGS.values()}
        assert not variables & set(text), f"{name(path)} reads a variable that config.py has"


def test_version_is_the_changelogs():
    assert f"## {striate.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
