"""Writes ONNX's own node tests as files that the test `onnx` reads.

    pip install onnx safetensors
    python tests/onnx/make.py FOLDER
    ONNX_DIR=FOLDER cargo test -p wengert --test suite onnx -- --nocapture

Each case of a single node of the standard domain becomes one safetensors file, if it computes with floats (or with
truth values) and all its tensors have element types that Wengert has. The tensors are `in0`, … and `out0`, …; those
that a case leaves out are missing. The metadata has the node's type as `op`, its attributes as JSON, and how many
inputs and outputs it names.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx.backend.test.case.node import collect_testcases
from safetensors.numpy import save_file

DTYPES = {np.dtype(name) for name in ("float32", "float64", "int32", "int64", "uint8", "bool")}


def attribute(a):
    """The value as JSON has it; tensors as nested lists."""
    value = onnx.helper.get_attribute_value(a)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, onnx.TensorProto):
        return onnx.numpy_helper.to_array(value).tolist()
    if isinstance(value, (list, tuple)) or hasattr(value, "__len__") and not isinstance(value, str):
        return [v.decode() if isinstance(v, bytes) else v for v in value]
    return value


def arrays(names, given, prefix):
    """The arrays by their position among the node's names, of which some may be empty."""
    positions = [i for i, name in enumerate(names) if name]
    if len(positions) != len(given) or not all(isinstance(x, (np.ndarray, np.generic)) for x in given):
        return None
    return {f"{prefix}{i}": np.array(x, order="C") for i, x in zip(positions, given)}


def usable(node, inputs, outputs):
    if inputs is None or outputs is None:
        return False
    tensors = list(inputs.values()) + list(outputs.values())
    if any(x.dtype not in DTYPES for x in tensors):
        return False
    kinds = [x.dtype.kind for x in tensors]
    return "f" in kinds or node.op_type in ("And", "Or", "Xor", "Not")


def write(case, folder):
    """Writes a case, and says whether it could be."""
    nodes = case.model.graph.node
    if "_expanded" in case.name:  # the body of another case's function
        return False
    if len(nodes) != 1 or nodes[0].domain not in ("", "ai.onnx") or case.model.functions:
        return False
    node = nodes[0]
    if any(a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for a in node.attribute):
        return False
    given, expected = case.data_sets[0]
    inputs, outputs = arrays(node.input, given, "in"), arrays(node.output, expected, "out")
    if not usable(node, inputs, outputs):
        return False
    metadata = {
        "op": node.op_type,
        "attributes": json.dumps({a.name: attribute(a) for a in node.attribute}),
        "inputs": str(len(node.input)),
        "outputs": str(len(node.output)),
    }
    save_file(inputs | outputs, folder / f"{case.name.removeprefix('test_')}.safetensors", metadata)
    return True


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(action="ignore"):
        cases = collect_testcases(None)
    written = sum(write(case, folder) for case in cases)
    print(f"{written} of {len(cases)} cases of onnx {onnx.__version__} in {folder}")


if __name__ == "__main__":
    main()
