"""Checks files that the tests wrote: models that PyTorch must load and run to the same outputs, and arrays.

    python check.py FOLDER      # needs torch, numpy and safetensors; `suite/pytorch/python.rs` calls it
"""

import os
import sys

import numpy as np
import torch
from make import Conv, Mlp, Sequence
from safetensors import safe_open
from safetensors.torch import load_file

folder = sys.argv[1]


def path(name):
    return os.path.join(folder, name)


def check_model(name, model):
    model.load_state_dict(load_file(path(f"{name}.safetensors")), strict=True)
    io = load_file(path(f"{name}-io.safetensors"))
    with torch.no_grad():
        difference = (model.eval()(io["x"]) - io["y"]).abs().max().item()
    assert difference < 1e-6, f"{name}: {difference}"
    print(f"{name}: the largest difference is {difference:.1e}")


def expected(name):
    """The array that `name` stands for: its element type, and where it is not 0, 1, … in [2, 3] a word."""
    dtype, *rest = name.split("_")
    x = np.arange(6).reshape(2, 3)
    x = x % 2 == 0 if dtype == "bool" else x.astype(dtype)
    if "scalar" in rest:
        x = x[0, 1]
    if "empty" in rest:
        x = x[:0]
    if "cube" in rest:
        x = np.arange(24).reshape(2, 3, 4).astype(dtype)
    return x


def check_array(name, x):
    want = expected(name)
    assert x.dtype == want.dtype.newbyteorder(">" if "big" in name else "<"), f"{name}: {x.dtype}"
    assert x.shape == want.shape and (x == want).all(), f"{name}: {x}"
    if "fortran" in name:
        assert x.flags.f_contiguous, f"{name}: {x.flags}"


check_model("mlp", Mlp())
check_model("conv", Conv())
check_model("sequence", Sequence())

with safe_open(path("types.safetensors"), "numpy") as file:
    assert file.metadata() == {"made by": "a test", "note": 'a "quoted" line\nand another, é'}, file.metadata()
    for name in file.keys():
        check_array(name, file.get_tensor(name))
    count = len(file.keys())

files = [name.removesuffix(".npy") for name in os.listdir(folder) if name.endswith(".npy")]
for name in files:
    check_array(name, np.load(path(f"{name}.npy"), allow_pickle=False))

for archive in ["stored.npz", "compressed.npz"]:
    with np.load(path(archive), allow_pickle=False) as file:
        for name in file.files:
            check_array(name, file[name])
        assert sorted(file.files) == sorted(name for name in files if "big" not in name and "fortran" not in name)

print(f"{count} tensors in safetensors, {len(files)} .npy files and 2 .npz files are as they should be")
