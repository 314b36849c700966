"""Loads files, each in a process of its own that may not do what loading a model must never do.

Run as `python child.py KIND`; for each line of input (a path) it forks, loads the file, and prints one line of JSON:
the outcome, and how much memory and time it took.
"""

import json
import os
import resource
import sys
import time

MEMORY = 3 << 30
"""Bytes of address space; Numba and NumPy reserve much of it without using it."""
FORBIDDEN = ("exec", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect",
             "socket.bind", "socket.getaddrinfo", "pickle.find_class", "marshal.loads", "marshal.load", "shutil.rmtree",
             "os.rename", "os.remove", "os.mkdir", "os.symlink", "os.link", "os.chmod", "urllib.Request",
             "ctypes.dlopen", "tempfile.mkstemp", "tempfile.mkdtemp", "compile")


def watch(path):
    """From now on, files other than `path` may not be opened and nothing of the above may happen."""
    state = {"caught": None}
    own = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

    def hook(event, arguments):
        if event == "open":
            name = os.fspath(arguments[0]) if not isinstance(arguments[0], int) else ""
            writes = isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
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
    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    state = watch(path)
    try:
        action.load(path)
        outcome, message = "loaded", ""
    except ModelFileError as error:
        outcome, message = "refused", str(error)
    except Exception as error:  # noqa: BLE001 - every other error is what the test looks for
        outcome, message = type(error).__name__, str(error)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return json.dumps({"outcome": outcome, "message": message, "caught": state["caught"],
                       "megabytes": (peak - before) / 1024, "seconds": time.perf_counter() - begin})


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
        from striate import untrusted  # noqa: F401

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

    @staticmethod
    def load(path):
        from striate.saving import load_model

        load_model(path)


LOADERS = {"reading": Reading, "model": Model}


if __name__ == "__main__":
    main()
