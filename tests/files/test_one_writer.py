"""Only `striate.files` writes to the disk: the package's source is walked for every other way."""

import ast
from pathlib import Path

import striate

PACKAGE = Path(striate.__file__).parent
ALLOWED = {"files.py": "the writer itself", "cli/run.py": "a repaired script in a temporary folder, run and forgotten",
           "parallel/window.py": "memory without a name that ranks share: nothing of it lies on a disk"}
METHODS = {"write_text", "write_bytes", "savefig", "tofile", "rename", "symlink_to", "hardlink_to"}
FUNCTIONS = {("os", "replace"), ("os", "rename"), ("os", "write"), ("shutil", "move"),
             ("shutil", "copy"), ("shutil", "copyfile"), ("shutil", "copytree"), ("np", "save"), ("np", "savez"),
             ("np", "savetxt"), ("os", "fdopen"), ("os", "truncate"), ("os", "link"), ("os", "symlink")}


def writes(call: ast.Call) -> str | None:
    """How a call writes to a file, if it does."""
    name = call.func
    if isinstance(name, ast.Name) and name.id == "open":
        return "open" if _mode(call, 1) & set("wax+") and ast.unparse(call.args[0]) != "os.devnull" else None
    if not isinstance(name, ast.Attribute):
        return None
    owner = name.value.id if isinstance(name.value, ast.Name) else ""
    if (owner, name.attr) == ("os", "open"):
        flags = ast.unparse(call.args[1])
        return "os.open" if any(flag in flags for flag in ("O_WRONLY", "O_RDWR", "O_CREAT")) else None
    if (owner, name.attr) in FUNCTIONS:
        return f"{owner}.{name.attr}"
    if name.attr == "open" and _mode(call, 0) & set("wax+"):
        return ".open"
    return f".{name.attr}" if name.attr in METHODS and owner != "files" else None


def _mode(call: ast.Call, place: int) -> set[str]:
    given = [*call.args[place:place + 1], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    texts = [item.value for item in given if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return set(texts[0]) if texts and len(texts[0]) <= 4 else set()


def test_no_other_way_to_write():
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        where = path.relative_to(PACKAGE).as_posix()
        if where in ALLOWED:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            how = writes(node) if isinstance(node, ast.Call) else None
            if how:
                found.append(f"striate/{where}:{node.lineno}: {how}; use striate.files")
    assert not found, "\n".join(found)


def test_the_walk_finds_what_it_should():
    bad = ["open('x', 'w')", "open('x', mode='ab')", "path.open('w')", "path.write_text('x')", "os.replace(a, b)",
           "np.save(a, b)", "figure.savefig('x.png')", "open('x', 'r+b')", "os.open(a, os.O_RDWR)"]
    good = ["open('x')", "open('x', 'rb')", "files.write_text('x', 'y')", "archive.open('member')", "np.load(a)",
            "open(os.devnull, 'w')", "os.open(a, os.O_RDONLY | os.O_NOFOLLOW)"]
    assert all(writes(ast.parse(text).body[0].value) for text in bad)
    assert not any(writes(ast.parse(text).body[0].value) for text in good)
