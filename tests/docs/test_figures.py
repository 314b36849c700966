"""Figures in README and documentation are those of stored runs, which a command makes again: whoever renews one
renews the other."""

import json
import re
from pathlib import Path

import pytest

from striate import zoo

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
RESULTS = ROOT / "benchmarks" / "results"
TEXT = " ".join(README.split())


def best_of(name):
    """Network: ({framework: microseconds}, how many times faster), of a stored table's part with best batch sizes."""
    text = (RESULTS / f"{name}.md").read_text("utf-8").split("with its best batch size:", 1)[1].split("\n\n", 2)[1]
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines())
    found = {}
    for network, *cells, _, ratio in rows:
        times = {framework: float(cell.split()[0]) for framework, cell in zip(head[1:-2], cells, strict=True)}
        found[network] = times, float(ratio.strip("*").split()[0])
    return found


def mean_of(name):
    """Geometric mean over the networks, and the lowest ratio, as the table says below it."""
    text = (RESULTS / f"{name}.md").read_text("utf-8")
    found = re.search(r"geometric mean \*\*([\d.]+)\*\* over \d+ networks, lowest ([\d.]+)", text)
    return float(found[1]), float(found[2])


def test_the_table_of_training_steps():
    wide, narrow = best_of("lectures"), best_of("lectures-avx2")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \| ([\d.]+) times faster \| ([\d.]+) times \|$", README,
                      re.MULTILINE)
    assert {network for network, *_ in rows} == set(wide) == set(narrow)
    for network, own, tensorflow, torch, ratio, older in rows:
        times, faster = wide[network]
        assert {"striate": float(own), "tensorflow": float(tensorflow), "torch": float(torch)} == times
        assert float(ratio) == pytest.approx(faster, abs=0.051) and float(older) == pytest.approx(narrow[network][1],
                                                                                                 abs=0.051)


def test_other_networks_and_predictions():
    low, high, mean = map(float, re.search(r"train ([\d.]+) to ([\d.]+) times as fast as with the better one, ([\d.]+) "
                                           "times in the geometric mean", TEXT).groups())
    ratios = [ratio for _, ratio in best_of("general").values()]
    assert (low, high) == pytest.approx((min(ratios), max(ratios)), abs=0.051)
    assert mean == pytest.approx(mean_of("general")[0], abs=0.051)
    low, high = map(float, re.search(r"in batches of 128 take ([\d.]+) to ([\d.]+) times less time", TEXT).groups())
    cells = re.findall(r"^\| \w+ \| 128 \|.*\*\*([\d.]+) times faster", (RESULTS / "predict.md").read_text("utf-8"),
                       re.MULTILINE)
    assert (low, high) == pytest.approx((min(map(float, cells)), max(map(float, cells))), abs=0.051)


@pytest.mark.parametrize("name, said", [
    ("fast90", r"90 % right after (\d+) seconds"), ("fast92", r"92 % after (\d+) seconds"),
    ("fast94", r"94 % after (\d+) minutes"), ("fast94-one-thread", r"had it after (\d+) minutes on average")])
def test_seconds_to_an_accuracy(name, said):
    runs = json.loads((RESULTS / f"accuracy-{name}.json").read_text("utf-8"))["runs"]
    seconds = sum(run["seconds_to_target"] for run in runs) / len(runs)
    unit = 60 if "minutes" in said else 1
    assert int(re.search(said, TEXT)[1]) == round(seconds / unit)


def test_the_demonstration_printed_what_is_stored():
    stored = (ROOT / "docs" / "begin" / "demo.txt").read_text("utf-8").splitlines()
    shown = README.split("(docs/begin/demo.txt)):", 1)[1].split("\n\nAnd with", 1)[0].split()
    assert "..." in shown and len(shown) > 80
    first, last = " ".join(shown).split(" ... ")
    lines = [" ".join(line.split()) for line in stored[1:]]
    assert stored[0] == "$ make demo"
    assert first == " ".join(lines[:6]) and last == " ".join(lines[-3:])


def tables():
    """The text of every stored table of the documentation."""
    return {path.stem: path.read_text("utf-8") for path in (ROOT / "docs" / "tables").glob("*.txt")}


def test_the_figures_on_the_page_of_systems_stand_in_its_tables():
    page, stored = (ROOT / "docs" / "systems.md").read_text("utf-8"), "\n".join(tables().values())
    figures = set(re.findall(r"(?<![\d.])0\.\d{4}\b", page))
    assert len(figures) >= 6 and figures <= set(re.findall(r"\d\.\d{4}\b", stored))


def test_what_the_zoo_expects_is_the_mean_of_stored_rows():
    read = tables()
    means = {name: mean for table in ("fashion-mnist", "zoo", "zoo-subset", "dna")
             for name, mean in re.findall(r"^(\w+): test accuracy (0\.\d{4}), mean of 3 seeds", read[table],
                                          re.MULTILINE)}
    means |= {name: accuracy for name, accuracy in
              re.findall(r"^(yale|brain_\w+) +[\d,]+ +\S+ +\S+ +\S+ +(0\.\d{4})", read["brain"], re.MULTILINE)}
    assert set(means) == {"uva", "nova", "tue", "lenet5", "small", "residual", "separable", "signal", "yale",
                          "brain_small", "brain_residual"}
    for name, mean in means.items():
        said = float(re.search(r"test accuracy (0\.\d+)", zoo.recipe(name).result)[1])
        assert said == pytest.approx(float(mean), abs=0.00051), name


def test_the_notebooks_take_what_a_stored_run_says():
    stored = json.loads((RESULTS / "notebooks.json").read_text("utf-8"))
    assert set(stored) == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    seconds = [rows["kept"]["seconds"] for rows in stored.values()]
    said = " ".join((ROOT / "docs" / "begin" / "notebooks.md").read_text("utf-8").split())
    assert int(re.search(r"the longest took (\d+) seconds", said)[1]) == round(max(seconds))
    page = (RESULTS / "notebooks.md").read_text("utf-8")
    assert all(f"| `{name}` | compiled before | {rows['kept']['seconds']:.0f} |" in page
               for name, rows in stored.items())
