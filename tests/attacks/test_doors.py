"""There is one door for model files, and nothing behind it that runs code or touches the world."""

import ast
import importlib
import pkgutil
from functools import cache
from pathlib import Path

import striate
from striate import serialization

PACKAGE = Path(striate.__file__).parent
NEVER = {"pickle", "cPickle", "marshal", "shelve", "dill", "joblib", "yaml", "code"}
ONLY_IN = {
    "runpy": {"runner/script.py"},
    "subprocess": {"bench/process.py", "datasets/readers.py", "kernels/ahead.py", "parallel/launch.py",
                   "parallel/start_limit.py"},
    "h5py": {"untrusted/hdf5.py", "saving/weights_file.py", "saving/legacy_h5.py"},
    "zipfile": {"untrusted/archive.py", "saving/keras_file.py", "utils/download.py", "datasets/mnist.py",
                "datasets/tables.py", "untrusted/npz.py"},
    "tarfile": {"utils/download.py", "datasets/cifar10.py"},
}
READERS = ("callbacks/", "checkpoints.py", "layers/", "losses/", "metrics/", "models/", "optimizers/", "saving/",
           "serialization.py", "untrusted/")
"""What meets names out of files; modules that load their own room late (`__init__.py`) are left out."""
NEVER_CALLED = {"eval", "exec", "compile", "__import__"}
SHELLS = {"os.system", "os.popen", "pty.spawn", "subprocess.getoutput", "subprocess.getstatusoutput",
          "asyncio.create_subprocess_shell", "pydoc.locate", "pkgutil.resolve_name"}
"""What hands text to a shell, or imports what a text names."""
DESCRIBABLE = {"keras", "keras.activations", "keras.constraints", "keras.dtype_policies", "keras.initializers",
               "keras.layers", "keras.losses", "keras.metrics", "keras.mixed_precision", "keras.models",
               "keras.optimizers", "keras.optimizers.schedules", "keras.random", "keras.regularizers",
               "keras.src.models.functional", "keras.src.ops.core", "keras.src.ops.image", "keras.src.ops.linalg",
               "keras.src.ops.math", "keras.src.ops.nn", "keras.src.ops.numpy", "striate", "striate.layers",
               "striate.optimizers"}


@cache
def sources():
    return [(path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text("utf-8")))
            for path in sorted(PACKAGE.rglob("*.py"))]


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


def test_no_module_that_runs_what_it_reads():
    for name, tree in sources():
        used = set(imported(tree))
        assert not used & NEVER, (name, used & NEVER)
        for module, places in ONLY_IN.items():
            assert module not in used or name in places, f"{name} uses {module} beside the one place for it"


def test_no_call_that_runs_text():
    for name, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called.removeprefix("builtins.") not in NEVER_CALLED | SHELLS, (name, node.lineno)
                assert not called.startswith(("os.exec", "os.spawn", "os.posix_spawn")), (name, node.lineno)
            if isinstance(node, ast.keyword) and node.arg == "shell":
                assert isinstance(node.value, ast.Constant) and node.value.value is False, (name, node.value.lineno)
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant) and node.value.value is False, (name, node.value.lineno)


def test_no_name_out_of_a_file_is_imported():
    for name, tree in sources():
        if name.startswith(READERS) and not name.endswith("__init__.py"):
            assert "importlib" not in set(imported(tree)), name


def test_ranks_send_buffers():
    """MPI's calls with a small first letter pickle what they send; what comes back is run."""
    for name, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and \
                    ast.unparse(node.func.value).endswith(("communicator", "COMM_WORLD")):
                assert node.func.attr[0].isupper(), f"{name}:{node.lineno} pickles what it sends"


def test_files_can_name_only_what_computes():
    for module in pkgutil.walk_packages(striate.__path__, "striate."):
        if "__main__" not in module.name and not module.name.startswith(("striate.cli", "striate.see",
                                                                         "striate.parallel")):
            importlib.import_module(module.name)
    rooms = {name.rpartition(".")[0] for name in serialization._exported}
    assert rooms <= DESCRIBABLE, f"files could now name things of {rooms - DESCRIBABLE}"
    named = {name.rpartition(".")[2] for name in serialization._exported}
    assert not named & {"get_file", "load_model", "load_img", "save_img", "TFSMLayer", "TorchModuleWrapper"}
