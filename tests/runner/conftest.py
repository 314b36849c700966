"""The shim, installed for one test."""

import pytest

from striate.runner import install_shim, uninstall_shim


@pytest.fixture
def shim():
    install_shim()
    yield
    uninstall_shim()
