"""What `benchmarks/explorer.py` makes of its measurements."""

import pytest

pytest.importorskip("benchmarks.explorer", reason="the benchmarks are not part of the package")
from benchmarks import explorer  # noqa: E402

EPOCHS = {"fit": [1.0, 2.0, 4.0], "fit_again": [1.0, 2.0, 4.0], "nobody": [1.0, 2.0, 5.0],
          "asked": [1.0, 2.0, 4.0], "opened": [1.6, 3.2, 6.4], "network": [1.25, 2.5, 5.0], "layer": [2.0, 4.0, 8.0]}


def test_losses_compare_epochs_of_the_same_round():
    wanted = {"nobody": 0, "asked": 0, "opened": 37.5, "network": 20, "layer": 50}
    assert explorer.losses(EPOCHS) == pytest.approx(wanted)


def test_the_page_names_every_figure():
    kinds = ("image", "layer", "neuron", "sum", "gradients", "filters", "network")
    times = {name: [10.0, 30.0, 20.0] for name in kinds}
    page = explorer.markdown({
        "started": "now", "options": {"network": "uva", "steps": 10}, "machine": {"processor": "one"}, "foreign": 0.2,
        "load_average": None, "first_view": [{"command_s": 1.0, "page_s": 0.5, "total_s": 1.5}],
        "clicks_ms": times, "epochs_s": EPOCHS})
    assert page.count("| 10 | 20 | 30 |") == len(times) and "| 0.50 | 0.50 | 0.50 |" in page
    assert "| `fit` | 5.0 | |" in page and all(f"| {loss} % |" in page for loss in ("37.5", "20.0", "50.0"))
