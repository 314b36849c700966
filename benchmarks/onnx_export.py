"""Writes a network with its initial weights as an ONNX file.

    python -m benchmarks.onnx_export OUT.onnx < network.json
"""

from __future__ import annotations

import json
import sys
import warnings

import torch

from benchmarks import torch_model
from benchmarks.networks import Network, data


def export(network: Network, path: str) -> None:
    """The network in its predicting form; the number of samples stays open."""
    model = torch_model.build(network, with_dropout=False).eval()
    example, _ = torch_model.to_batch(network, *data(network, 2))
    warnings.simplefilter("ignore", DeprecationWarning)
    torch.onnx.export(model, (example,), path, dynamo=False, input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "samples"}, "y": {0: "samples"}})


if __name__ == "__main__":
    export(Network(**json.load(sys.stdin)), sys.argv[1])
