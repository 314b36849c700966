"""Every test that is not marked slow belongs to the quick level: `pytest -m quick`."""

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if "slow" not in item.keywords:
            item.add_marker(pytest.mark.quick)
