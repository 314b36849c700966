"""The networks, made once."""

import importlib.util
import sys
from pathlib import Path

import pytest

# The folder is no package, so that test files of other folders may have equal names.
_spec = importlib.util.spec_from_file_location("see_networks", Path(__file__).parent / "networks.py")
networks = importlib.util.module_from_spec(_spec)
sys.modules["see_networks"] = networks
_spec.loader.exec_module(networks)


@pytest.fixture(scope="session")
def made():
    return {name: make() for name, make in networks.NETWORKS.items()}
