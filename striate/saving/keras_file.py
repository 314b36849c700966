"""The `.keras` file of Keras 3: a zip archive of metadata, the model's description, and its weights.

The same model gives the same bytes: no clock is read, unless SOURCE_DATE_EPOCH says what time it shall be.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
import zipfile
from typing import Any

import striate
from striate.errors import ArgumentError, ModelFileError, received
from striate.layers.budget import weight_budget
from striate.models import Model
from striate.saving.description import described, model_from
from striate.saving.state import restore
from striate.saving.weights_file import weights_bytes
from striate.untrusted import H5Reader, read_archive, read_json
from striate.untrusted.limits import MAX_JSON_BYTES

KERAS_VERSION = "3.15.1"
"""The edition of Keras whose format is written."""
FORMAT = 1
"""Grows when striate writes something that older editions of striate cannot read."""
_METADATA, _CONFIG, _WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def keras_bytes(model: Model) -> bytes:
    """The `.keras` file of a model.

    Raises:
        ArgumentError: the model has no weights yet, or something in it cannot be described.
    """
    if not model.built:
        raise ArgumentError("The model has no weights yet, because it was never told its input shape. Build it first: "
                            "give the first layer an Input, or call the model on some data. "
                            + received(model=model.name))
    config = json.dumps(described(model), allow_nan=False).encode()
    weights = weights_bytes(model)
    metadata = {"keras_version": KERAS_VERSION, "date_saved": _date(),
                "striate": {"version": striate.__version__, "format": FORMAT,
                            "sha256": {_CONFIG: _hash(config), _WEIGHTS: _hash(weights)}}}
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_STORED) as archive:
        for name, content in ((_METADATA, json.dumps(metadata).encode()), (_CONFIG, config), (_WEIGHTS, weights)):
            member = zipfile.ZipInfo(name, _ZIP_TIME)
            member.create_system, member.external_attr = 3, 0o600 << 16
            archive.writestr(member, content)
    return memory.getvalue()


def _date() -> str:
    return time.strftime("%Y-%m-%d@%H:%M:%S", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", 315532800))))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def load_keras(content: bytes, what: str, custom_objects: dict[str, Any] | None, compile: bool) -> Model:
    """The model in a `.keras` file.

    Raises:
        ModelFileError: the file is damaged, of a newer striate, or describes what striate does not have.
    """
    members = read_keras(content, what)
    config = read_json(members[_CONFIG], f"The description in {what}")
    with H5Reader(members[_WEIGHTS], f"The weights in {what}") as reader:
        held = sum(entry.nbytes for path, entry in reader.datasets.items() if not path.startswith("optimizer/"))
        with weight_budget(held):
            model = model_from(config, what, custom_objects, compile)
        restore(model, reader)
    return model


def read_keras(content: bytes, what: str) -> dict[str, bytes]:
    """The members of a `.keras` archive, each checked against its hash if the file lists hashes."""
    members = read_archive(content, {_METADATA: MAX_JSON_BYTES, _CONFIG: MAX_JSON_BYTES, _WEIGHTS: None}, what)
    missing = [name for name in (_METADATA, _CONFIG, _WEIGHTS) if name not in members]
    if missing:
        raise ModelFileError(f"{what} is not a complete .keras file. " + received(missing=missing))
    own = read_json(members[_METADATA], f"The metadata in {what}").get("striate")
    own = own if isinstance(own, dict) else {}
    if not isinstance(own.get("format", FORMAT), int) or own.get("format", FORMAT) > FORMAT:
        raise ModelFileError(f"{what} was written by a newer striate. Update striate to read it. "
                             + received(version=own.get("version"), format=own.get("format")))
    hashes = own.get("sha256")
    for name, expected in (hashes if isinstance(hashes, dict) else {}).items():
        if name not in members or _hash(members[name]) != expected:
            raise ModelFileError(f"{what} is damaged: {name} is not what was written. " + received(sha256=expected))
    return members


def load_keras_weights(model: Model, content: bytes, what: str, skip_mismatch: bool) -> None:
    """Restores a model's weights from a `.keras` file."""
    with H5Reader(read_keras(content, what)[_WEIGHTS], f"The weights in {what}") as reader:
        restore(model, reader, skip_mismatch=skip_mismatch)
