"""Every example in a docstring does what it says."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import striate

OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
MODULES = ["striate", *(module.name for module in pkgutil.walk_packages(striate.__path__, "striate.")
                        if not module.name.endswith(("__main__", "sitecustomize")))]
ROOMS = sorted({".".join(name.split(".")[:2]) for name in MODULES})


def modules_of(room):
    for name in MODULES:
        if name == room or (room != "striate" and name.startswith(room + ".")):
            try:
                yield importlib.import_module(name)
            except ModuleNotFoundError as error:  # An extra that is not installed.
                if (error.name or "").startswith("striate"):
                    raise


def examples_of(module):
    """The examples of the module's own functions and classes; modules that load names when asked are not walked."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name, value in list(vars(module).items()):
        if (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__ == module.__name__:
            yield from finder.find(value, f"{module.__name__}.{name}", module=module)


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
def test_examples(room, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    for module in modules_of(room):
        for test in examples_of(module):
            striate.utils.clear_session()
            runner.run(test)
    assert not runner.failures, capsys.readouterr().out
