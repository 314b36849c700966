"""Loads files, each in a process of its own that may not do what loading a model must never do.

Run as `python child.py KIND`; for each line of input (a path) it forks, loads the file, and prints one line of JSON:
the outcome, and how much memory and time it took.
"""

import json
import os
import resource
import signal
import sys
import tempfile
import time

MEMORY = 3 << 30
"""Bytes of address space; Numba and NumPy reserve much of it without using it."""
FORBIDDEN = ("exec", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect",
             "socket.bind", "socket.getaddrinfo", "pickle.find_class", "marshal.loads", "marshal.load", "shutil.rmtree",
             "os.rename", "os.remove", "os.mkdir", "os.symlink", "os.link", "os.chmod", "urllib.Request",
             "ctypes.dlopen", "tempfile.mkstemp", "tempfile.mkdtemp", "compile")


CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "os.truncate", "os.chmod")
"""What those loaders may do that unpack, in the file's own folder."""


def watch(path, beside="nothing"):
    """From now on, files other than `path` may not be opened and nothing of the above may happen.

    beside: "read" if other files in its folder may be read, "write" if they may be made.
    """
    state = {"caught": None}
    folder = os.path.dirname(os.path.realpath(path)) + os.sep
    own = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

    def hook(event, arguments):
        if event == "open":
            if isinstance(arguments[0], int):
                return  # it was opened before, and seen then
            name = os.fspath(arguments[0])
            writes = bool(arguments[1] and set(arguments[1]) & set("wax+")
                          or arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            inside = (os.path.realpath(name) + os.sep).startswith(folder)
            if inside and (beside == "write" or beside == "read" and not writes):
                return
            module = str(name).endswith((".py", ".pyc", ".so")) and not writes
            if name == path and not writes or module and (own in str(name) or "site-packages" in str(name)
                                                          or sys.prefix in str(name) or sys.base_prefix in str(name)):
                return
        elif event == "import":
            if not str(arguments[0]).startswith(("evil", "antigravity")):
                return
        elif event in ("exec", "compile", "marshal.loads"):
            # Importing a module of the library runs its code; code of a string or a file's bytes has another name.
            frame = sys._getframe(1)
            while frame is not None and "importlib" not in frame.f_code.co_filename:
                frame = frame.f_back
            if frame is not None:
                return
        elif event in CHANGES and beside == "write" and all(
                (os.path.realpath(item) + os.sep).startswith(folder) for item in arguments if isinstance(item, str)):
            return
        elif event not in FORBIDDEN:
            return
        state["caught"] = f"{event} {str(arguments)[:200]}"
        raise RuntimeError(f"forbidden: {state['caught']}")

    sys.addaudithook(hook)
    return state


def report(path, action):
    """Loads the file, watched; what came of it as JSON."""
    from striate.errors import ModelFileError

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.setitimer(signal.ITIMER_PROF, 20)  # seconds of work; on a busy machine they take longer
    signal.alarm(600)
    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    os.chdir(os.path.dirname(path))  # names relative to a folder that is removed look as if they were of this one
    state = watch(path, getattr(action, "beside", "nothing"))
    try:
        action.load(path)
        outcome, message = "loaded", ""
    except Exception as error:  # noqa: BLE001 - every error but those of `refusals` is what the test looks for
        expected = isinstance(error, getattr(action, "refusals", ModelFileError))
        outcome, message = "refused" if expected else type(error).__name__, str(error)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return json.dumps({"outcome": outcome, "message": message, "caught": state["caught"],
                       "megabytes": (peak - before) / 1024, "seconds": time.process_time() - begin})


def main():
    action = LOADERS[sys.argv[1]]
    action.prepare()
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            print(report(line.rstrip("\n"), action), flush=True)
            os._exit(0)
        _, status = os.waitpid(process, 0)
        if status:
            print(json.dumps({"outcome": f"died with status {status}"}), flush=True)


class Reading:
    """Only the reader: names, shapes and arrays."""

    @staticmethod
    def prepare():
        from striate.untrusted import H5Reader  # noqa: F401 - loads h5py, which a reader may not do while it is watched

    @staticmethod
    def load(path):
        from striate.untrusted import H5Reader, read_archive, read_file, read_json, read_safetensors

        content = read_file(path)
        if path.endswith(".keras"):
            members = read_archive(content, {"metadata.json": 1 << 24, "config.json": 1 << 24,
                                             "model.weights.h5": None}, path)
            for name in members:
                if name.endswith(".json"):
                    read_json(members[name], name)
            content = members.get("model.weights.h5")
        elif path.endswith(".json"):
            read_json(content, path)
            return
        elif path.endswith(".safetensors"):
            read_safetensors(content, path)
            return
        if content is not None:
            with H5Reader(content, path) as reader:
                for name in reader.datasets:
                    reader.array(name)
                for name in ("model_config", "layer_names"):
                    reader.texts("", name)


class Model:
    """The whole way: `load_model`."""

    @staticmethod
    def prepare():
        from striate import layers, losses, metrics, optimizers, random, saving, utils, zoo  # noqa: F401
        from striate.saving.onnx import importing  # noqa: F401
        from striate.untrusted.onnx_package import onnx_package

        onnx_package()

    @staticmethod
    def load(path):
        from striate.saving import load_model

        load_model(path)


class Data:
    """Files of data sets: pictures of every kind, tables, arrays, IDX."""

    @classmethod
    def prepare(cls):
        import nibabel
        import numpy as np
        import pydicom.pixels  # noqa: F401
        import tifffile
        from PIL import Image

        from striate.datasets import idx, pictures, tables
        from striate.errors import DataError, DownloadError

        Image.init()
        with tempfile.TemporaryDirectory() as folder:  # what is loaded late is loaded now
            nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2)), np.eye(4)), f"{folder}/a.nii")
            tifffile.imwrite(f"{folder}/a.tif", np.zeros((3, 3, 9)), compression="deflate")
            for name in ("a.nii", "a.tif"):
                pictures.decode(f"{folder}/{name}")
        cls.refusals, cls.modules = (DataError, DownloadError), (idx, pictures, tables)

    @classmethod
    def load(cls, path):
        idx, pictures, tables = cls.modules
        if path.endswith(".npz"):
            tables.load_npz(path)
        elif path.endswith(".csv"):
            tables.load_csv(path)
        elif path.endswith(".idx"):
            with open(path, "rb") as file:
                idx.read_idx(file.read())
        else:
            pictures.read_image(path)


class Archive:
    """What `get_file` unpacks."""

    beside = "write"

    @staticmethod
    def prepare():
        import bz2  # noqa: F401
        import lzma  # noqa: F401

        from striate.utils import download

        download._ALWAYS_ALLOWED = 16 << 20  # so that the tests write less to the disk

    @staticmethod
    def load(path):
        from pathlib import Path

        from striate.utils.download import unpack

        unpack(Path(path))


class Folder:
    """Data sets and states of trainings in folders: the path is that of any file in one."""

    beside = "read"

    @classmethod
    def prepare(cls):
        from striate import checkpoints, parallel
        from striate.errors import DataError, FileError, ModelFileError

        cls.refusals, cls.modules = (DataError, ModelFileError, FileError), (checkpoints, parallel)

    @classmethod
    def load(cls, path):
        import numpy as np

        checkpoints, parallel = cls.modules
        if path.endswith("index.json"):
            data = parallel.open_stored(os.path.dirname(path))
            next(iter(data.batches(4, shuffle=True)))
            data.read(np.arange(min(data.rows, 4)))
        else:
            checkpoints.newest(os.path.dirname(os.path.dirname(path)))


LOADERS = {"reading": Reading, "model": Model, "data": Data, "archive": Archive, "folder": Folder}


if __name__ == "__main__":
    main()
