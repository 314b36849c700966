"""`striate run`: arguments, exit codes, tracebacks, the report, and processes that a script starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from striate import adaptations
from striate.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path):
    def run_text(text, *words):
        script = tmp_path / "homework.py"
        script.write_text(text)
        return CliRunner().invoke(main, ["run", str(script), *words])
    return run_text


def test_arguments_belong_to_the_script(run, tmp_path):
    argv, search = list(sys.argv), list(sys.path)
    result = run("import sys\nprint(__name__, sys.argv[1:], sys.path[0])\n", "--help", "epochs=3", "--output=x", "-o")
    assert result.stdout == f"__main__ ['--help', 'epochs=3', '--output=x', '-o'] {tmp_path}\n"
    assert result.exit_code == 0 and result.stderr == ""
    assert (sys.argv, sys.path) == (argv, search)


@pytest.mark.parametrize(("text", "code"), [
    ("import sys; sys.exit(7)", 7),
    ("import sys; sys.exit()", 0),
    ("import sys; sys.exit('bad luck')", 1),
    ("raise KeyboardInterrupt", 130),
    ("1 / 0", 1),
    ("def f(:", 1),
    ("class Stop(BaseException): pass\nraise Stop", 1),
])
def test_exit_codes(run, text, code):
    assert run(text).exit_code == code


def test_a_script_finds_itself_from_anywhere(tmp_path, monkeypatch):
    """As in Python: `__file__` is absolute, and data lie where the shell stands."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "data.txt").write_text("found")
    (tmp_path / "sub" / "script.py").write_text("import os, sys\nprint(sys.argv[1:], open('data.txt').read())\n"
                                                "os.chdir('/')\nprint(os.path.dirname(__file__))\n1 / 0\n")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["run", "sub/script.py", "a"])
    assert result.stdout == f"['a'] found\n{tmp_path / 'sub'}\n"
    assert f'File "{tmp_path}/sub/script.py", line 5' in result.stderr and result.exit_code == 1


def test_an_error_is_shown_by_the_hook_of_the_script(run, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    hook = "import sys\nsys.excepthook = lambda kind, error, frames: print(kind.__name__, frames is not None)\n"
    assert run(hook + "1 / 0\n").stdout == "ZeroDivisionError True\n"


@pytest.mark.slow
@pytest.mark.parametrize(("text", "code", "said"), [
    ("import sys\nsys.stdout.close()", 0, ""), ("import sys\nsys.stdout = None", 0, ""),
    ("import sys\nsys.stdout.close()\n1 / 0", 1, "ZeroDivisionError: division by zero"),
    ("import keras, threading\n\ndef work():\n    threading.main_thread().join(2)\n    from keras import layers\n\n"
     "threading.Thread(target=work).start()", 0, "striate: no adaptations")],
    ids=["closed output", "no output", "closed before an error", "a thread that outlives the script"])
def test_ends_as_in_python(tmp_path, text, code, said):
    (tmp_path / "script.py").write_text(text + "\n")
    done = subprocess.run([sys.executable, "-m", "striate", "run", "script.py"], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path, timeout=120)
    assert done.returncode == code and done.stderr.strip().endswith(said), done.stderr
    assert ("Traceback" in done.stderr) == (code == 1) and "striate/runner" not in done.stderr


def test_tracebacks_begin_at_the_users_line(run):
    text = "import keras\n\ndef build():\n    return keras.layers.Dense(-1)\n\nbuild()\n"
    error = run(text).stderr
    assert "line 6, in <module>" in error and "line 4, in build" in error
    assert "runpy" not in error and "striate/runner" not in error and "striate/layers" not in error
    assert "ArgumentError" in error and error.endswith("striate: no adaptations\n")


def test_what_is_missing_is_shown_at_the_users_line(run):
    for text in ("from tensorflow.keras.applications import NASNetMobile\n",
                 "import tensorflow as tf\ntf.saved_model.load(1)\n"):
        error = run(text).stderr
        assert "is not part of striate" in error and "striate/runner" not in error and "homework.py" in error


def test_syntax_errors_show_the_line(run):
    error = run("x = (1,\ny = 2\n").stderr
    assert "homework.py" in error and "SyntaxError" in error and "runpy" not in error


def test_report_names_lines_and_files(run, tmp_path):
    (tmp_path / "helpers.py").write_text("from keras.optimizers import Adam\n\ndef make():\n    return Adam(lr=0.1)\n")
    result = run("from helpers import make\nimport keras\nmake()\nfor i in range(3):\n"
                 "    keras.optimizers.SGD(lr=0.1, decay=1e-3)\n")
    sys.modules.pop("helpers")
    assert result.stderr == ("striate: 2 adaptations: lr -> learning_rate (lines helpers.py:4, 5), "
                             "decay honoured (line 5)\n")
    assert adaptations.noted() == ()


def test_without_the_runner_nothing_is_noted():
    import striate

    with pytest.warns(DeprecationWarning, match="older name"):
        optimizer = striate.optimizers.SGD(lr=0.5)
    assert float(optimizer.learning_rate) == 0.5 and adaptations.noted() == ()


def test_no_script(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "cells.ipynb").write_text("{}")
    assert CliRunner().invoke(main, ["run"]).exit_code == 2
    for name, words in {"missing.py": "no such script", "": "this is a folder", "pipe": "no pipe",
                        "cells.ipynb": "%load_ext striate"}.items():
        result = CliRunner().invoke(main, ["run", str(tmp_path / name)])
        assert result.exit_code == 2 and words in result.stderr


@pytest.mark.slow
def test_children_get_the_hook(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import builtins\nbuiltins.users_own = 'ran too'\n")
    script = tmp_path / "parent.py"
    script.write_text("""
import multiprocessing, subprocess, sys
import tensorflow as tf

def child(queue):
    queue.put(tf.keras.__name__ + ' ' + users_own)

if __name__ == '__main__':
    context = multiprocessing.get_context('spawn')
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    print(queue.get(timeout=60))
    process.join()
    subprocess.run([sys.executable, '-c', 'import keras; print(keras.__version__)'], check=True)
""")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    done = subprocess.run([sys.executable, "-m", "striate", "run", str(script)], capture_output=True, text=True,
                          env=environment, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["striate.runner.keras ran too", "3.15.0+striate"]
    assert done.stderr == "striate: no adaptations\n"


def test_from_slides(tmp_path):
    slides = tmp_path / "slides.txt"
    slides.write_text("1 import sys\n2 print(\u201cok\u201d, sys.argv[1:])\n", "utf-8")
    output = tmp_path / "clean.py"
    shown = CliRunner().invoke(main, ["run", "--from-slides", str(slides), "--output", str(output)])
    assert shown.exit_code == 0 and '+print("ok", sys.argv[1:])' in shown.stdout
    assert output.read_text() == 'import sys\nprint("ok", sys.argv[1:])\n'
    ran = CliRunner().invoke(main, ["run", "--from-slides", str(slides), "--yes", "a", "--b"])
    assert ran.stdout.endswith("ok ['a', '--b']\n") and ran.exit_code == 0
    slides.write_text("x = = 2\n")
    assert CliRunner().invoke(main, ["run", "--from-slides", str(slides), "--yes"]).exit_code == 2


@pytest.mark.parametrize("content", [b"", b" \n", b"\x89PNG\r\n\x1a\n\x00\x00\x1b[31m"])
def test_slides_without_text_are_refused_in_words(tmp_path, content):
    """Nothing of a picture reaches the terminal."""
    slides = tmp_path / "slides.png"
    slides.write_bytes(content)
    refused = CliRunner().invoke(main, ["run", "--from-slides", str(slides)])
    assert refused.exit_code == 2 and "holds no text" in refused.stderr and "\x1b" not in refused.output
