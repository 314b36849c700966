"""Settings: the order of their sources, and messages about values that cannot be."""

from pathlib import Path

import pytest

from striate import config
from striate.errors import ArgumentError


@pytest.fixture(autouse=True)
def as_before():
    yield
    config.set_value("num_threads", None)
    config.set_epsilon(1e-7)
    config.set_image_data_format("channels_last")


def test_value_given_wins_over_environment_over_default(monkeypatch):
    monkeypatch.delenv("STRIATE_NUM_THREADS", raising=False)
    assert config.value("num_threads") is None
    monkeypatch.setenv("STRIATE_NUM_THREADS", "3")
    assert config.value("num_threads") == 3
    config.set_value("num_threads", 2)
    assert config.value("num_threads") == 2
    config.set_value("num_threads", None)
    assert config.value("num_threads") == 3


@pytest.mark.parametrize("text", ["0", "-1", "many"])
def test_bad_environment_names_the_variable(monkeypatch, text):
    monkeypatch.setenv("STRIATE_NUM_THREADS", text)
    with pytest.raises(ArgumentError, match=f"STRIATE_NUM_THREADS='{text}'"):
        config.value("num_threads")


def test_bad_value_and_unknown_setting():
    with pytest.raises(ArgumentError, match="num_threads=0"):
        config.set_value("num_threads", 0)
    with pytest.raises(ArgumentError, match="there are num_threads"):
        config.value("speed")


def test_cache_folder_follows_the_desktop_convention(monkeypatch):
    monkeypatch.delenv("STRIATE_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert config.value("cache_dir") == Path("/somewhere/striate")
    monkeypatch.setenv("STRIATE_CACHE_DIR", "~/kernels")
    assert config.value("cache_dir") == Path("~/kernels").expanduser()


def test_keras_settings():
    assert (config.backend(), config.floatx(), config.epsilon()) == ("striate", "float32", 1e-7)
    config.set_epsilon(1e-5)
    config.set_image_data_format("channels_first")
    assert (config.epsilon(), config.image_data_format()) == (1e-5, "channels_first")
    with pytest.raises(ArgumentError, match="float32 only"):
        config.set_floatx("float16")
    with pytest.raises(ArgumentError, match="channels_last"):
        config.set_image_data_format("nchw")
