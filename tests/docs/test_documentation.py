"""The documentation: it builds without a warning, its examples do what they say, its pictures are there."""

import doctest
import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import striate

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in [*DOCS.rglob("*.md"), ROOT / "README.md"] if "generated" not in page.parts)
BLOCK = re.compile(r"^```pycon\n(.*?)^```", re.DOTALL | re.MULTILINE)


def identity(page):
    return str(page.relative_to(ROOT))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_builds_without_warnings(tmp_path):
    for package in ("sphinx", "furo", "myst_parser"):
        pytest.importorskip(package)
    done = subprocess.run([sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d",
                           str(tmp_path / "trees"), str(DOCS), str(tmp_path / "html")], cwd=ROOT, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr[-5000:]
    layers = (tmp_path / "html/reference/generated/layers.html").read_text("utf-8")
    assert 'id="striate.layers.Conv2D"' in layers and "kernel_size" in layers


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if BLOCK.search(page.read_text("utf-8"))], ids=identity)
def test_examples_on_pages(page, tmp_path, monkeypatch, capsys):
    """The blocks marked `pycon` of a page, one after the other in one session."""
    monkeypatch.chdir(tmp_path)
    striate.utils.clear_session()
    text = "\n".join(BLOCK.findall(page.read_text("utf-8")))
    example = doctest.DocTestParser().get_doctest(text, {}, identity(page), str(page), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    runner.run(example)
    assert runner.tries and not runner.failures, capsys.readouterr().out


def test_examples_of_the_reference(monkeypatch, capsys):
    """Those beside the docstrings: each does what it says, and belongs to a name that there is."""
    monkeypatch.syspath_prepend(str(DOCS))
    examples = importlib.import_module("reference_pages").examples()
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    begin = doctest.DocTestParser().get_doctest("\n".join(examples.pop("")), {}, "begin", None, 0)
    runner.run(begin, clear_globs=False)
    for name, lines in examples.items():
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name
        striate.utils.clear_session()
        runner.run(doctest.DocTestParser().get_doctest("\n".join(lines), begin.globs, name, None, 0))
    assert len(examples) > 500 and not runner.failures, capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=identity)
def test_links_and_pictures_are_there(page):
    text = page.read_text("utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text) + re.findall(r"^```\{image\} (\S+)", text, re.MULTILINE)
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not missing


def commands_of(page):
    """What begins with `striate` in code of a page, without places that the reader fills in."""
    text = page.read_text("utf-8")
    found = re.findall(r"`(striate [^`\n]+)`", text) + re.findall(r"^ {4}(striate .+)$", text, re.MULTILINE)
    found += re.findall(r"^(?:\$ )?(striate .+)$", "\n".join(re.findall(r"^```(?:\w*)\n(.*?)^```", text,
                                                                     re.DOTALL | re.MULTILINE)), re.MULTILINE)
    return [line.split(" #")[0].split(" > ")[0] for line in dict.fromkeys(found)
            if "..." not in line and not line.count('"') % 2 and not line.count("'") % 2]


@pytest.mark.parametrize("page", [page for page in PAGES if commands_of(page)], ids=identity)
def test_commands_on_pages_are_understood(page):
    """Names of commands and options, and how many arguments: whatever the files and numbers are."""
    from click import BadOptionUsage, BadParameter, Group
    from click.exceptions import NoArgsIsHelpError

    from striate.cli import main
    for line in commands_of(page):
        command, words, context = main, shlex.split(line)[1:], None
        try:
            while True:
                context = command.make_context(line, list(words), parent=context)
                if not isinstance(command, Group) or not context._protected_args + context.args:
                    break
                _, command, words = command.resolve_command(context, context._protected_args + context.args)
        except (BadParameter, BadOptionUsage, NoArgsIsHelpError):
            pass  # A file that is not here, a word in capitals that stands for a value, a command or option alone.


def test_every_picture_is_shown_somewhere():
    shown = "".join(page.read_text("utf-8") for page in PAGES)
    assert not [path.name for path in (DOCS / "pictures").iterdir() if f"pictures/{path.name}" not in shown]


def test_every_public_module_has_a_page(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    modules = importlib.import_module("reference_pages").MODULES
    index = (DOCS / "reference/index.md").read_text("utf-8")
    described = {name for name, _ in modules.values()}
    # `backend` is `ops` by another name.
    assert {f"striate.{name}" for name in striate._MODULES if name != "backend"} <= described
    assert all(f"\ngenerated/{page}\n" in index for page in modules)


def test_the_architecture_names_every_part():
    text = (DOCS / "architecture.md").read_text("utf-8")
    named = {word.removesuffix("/").split("/")[0].removesuffix(".py") for word in re.findall(r"`([\w/.]+)`", text)}
    parts = {path.stem for path in (ROOT / "striate").iterdir() if not path.name.startswith("_")}
    assert not parts - named - {"py"}


@pytest.mark.slow
def test_pictures_can_be_made_again(tmp_path):
    spec = importlib.util.spec_from_file_location("make_pictures", DOCS / "make_pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.make(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in (DOCS / "pictures").iterdir()}
