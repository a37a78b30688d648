"""Runs every model of a folder in ONNX Runtime, and compares with the outputs that stand beside it."""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

for path in sorted(Path(sys.argv[1]).glob("*.onnx")):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    for value in list(model.graph.input) + list(model.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch", (path.name, value)
    session = onnxruntime.InferenceSession(path)
    tensors = load_file(path.with_suffix(".safetensors"))
    for batch in (1, 5):
        given = {value.name: tensors[f"{batch}.{value.name}"] for value in session.get_inputs()}
        expected = tensors[f"{batch}.output"]
        (got,) = session.run(["output"], given)
        assert got.shape == expected.shape, (path.name, got.shape, expected.shape)
        assert np.max(np.abs(expected)) > 0.3, (path.name, expected)
        error = np.max(np.abs(got - expected) / np.maximum(1, np.abs(expected)))
        print(f"{path.name}, batch of {batch}: {len(model.graph.node)} nodes, largest difference {error:.1e}")
        assert error <= 1e-5
