"""Runs a script as Python would, with `keras` and `tensorflow` served by striate."""

from __future__ import annotations

import os
import runpy
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from striate import adaptations
from striate.errors import ArgumentError, StriateError, received
from striate.runner.finder import install_shim, uninstall_shim

INTERRUPTED = 130
_CHILDREN = str(Path(__file__).parent / "children")
_PACKAGE = str(Path(__file__).parents[1]) + "/"
_RUNNER = str(Path(__file__).parent) + "/"


def run_script(script: str | os.PathLike, arguments: Sequence[str] = ()) -> int:
    """Runs a script as `__main__`; processes that it starts get the import hook too.

    What was adapted is printed to standard error at the end. An exception of the script's is shown as Python shows
    it, beginning at the script's own line. The import hook stays for threads that the script has left running.

    Args:
        script: the file.
        arguments: what the script finds in `sys.argv[1:]`.

    Returns:
        The exit code: the one that the script asked for, 1 after an exception, 130 after Ctrl-C.

    Raises:
        ArgumentError: there is no such file, or it is no script.
        StriateError: the real Keras or TensorFlow is in this process already.
    """
    _check(Path(script))
    path = Path(os.path.abspath(script))  # Python's `__file__` is absolute: a script may change the folder.
    threads = threading.enumerate()
    install_shim()
    try:
        with _as_python_would(path, arguments):
            code = _exit_code(path)
        _report(str(path))
    finally:
        if not any(not thread.daemon for thread in threading.enumerate() if thread not in threads):
            uninstall_shim()
    return code


def _check(path: Path) -> None:
    """Says what else the user may have meant."""
    given = received(script=str(path))
    if path.is_dir():
        raise ArgumentError(f"A script is a file, and this is a folder: give the file inside that begins. {given}")
    if path.suffix == ".ipynb":
        raise ArgumentError("This is a notebook, not a script: open it in Jupyter, and say %load_ext striate in its "
                            f"first cell. {given}")
    if path.exists() and not path.is_file():
        raise ArgumentError(f"A script is read twice, so it must be a regular file, no pipe. {given}")
    if not path.is_file():
        raise ArgumentError(f"There is no such script. {given}")


@contextmanager
def _as_python_would(script: Path, arguments: Sequence[str]) -> Iterator[None]:
    """`sys.argv`, `sys.path` and the children's environment while the script runs."""
    argv, search, python_path = sys.argv, list(sys.path), os.environ.get("PYTHONPATH")
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.resolve().parent))
    os.environ["PYTHONPATH"] = os.pathsep.join([_CHILDREN, *([python_path] if python_path else [])])
    try:
        yield
    finally:
        sys.argv, sys.path[:] = argv, search
        if python_path is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = python_path


def _exit_code(script: Path) -> int:
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as request:
        if request.code is None or isinstance(request.code, int):
            return request.code or 0
        print(request.code, file=sys.stderr)
        return 1
    except BaseException as error:  # Not all that a script raises must be an Exception.
        _show(error, script)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _show(error: BaseException, script: Path) -> None:
    """Prints the traceback from the script's first line on; the inside of striate is left out where the message of
    its error already says what is wrong."""
    frames = _from(error.__traceback__, str(script))
    if error.__cause__ is None and (isinstance(error, StriateError) or _raised_by_the_runner(frames)):
        _cut_below_the_user(frames)
        error.__suppress_context__ = True
    _flush()
    sys.excepthook(type(error), error.with_traceback(frames), frames)  # The script may have put its own in place.


def _flush() -> None:
    """Puts what the script printed in front of what is said about it, unless it has closed its output, or the reader
    has (`| head`): then that is what is lost, and nothing else."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()


def _from(frames: TracebackType | None, file: str) -> TracebackType | None:
    """The part of a traceback that begins in a file; all of it when the file does not occur."""
    part = frames
    while part is not None and part.tb_frame.f_code.co_filename != file:
        part = part.tb_next
    # A syntax error has no frame of the script: its message shows the line.
    return part


def _raised_by_the_runner(frames: TracebackType | None) -> bool:
    """Whether it says that something is not part of striate."""
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    return frames is not None and frames.tb_frame.f_code.co_filename.startswith(_RUNNER)


def _cut_below_the_user(frames: TracebackType | None) -> None:
    last = None
    while frames is not None:
        if not frames.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            last = frames
        frames = frames.tb_next
    if last is not None:
        last.tb_next = None


def _report(script: str) -> None:
    """The closing line, if the script used keras or tensorflow at all."""
    _flush()
    if "keras" in sys.modules or "tensorflow" in sys.modules or "tf_keras" in sys.modules:
        print(f"striate: {adaptations.report(script)}", file=sys.stderr)
