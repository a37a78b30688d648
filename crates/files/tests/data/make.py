"""Makes the files beside it: models that PyTorch trained, with inputs and outputs, and arrays that NumPy wrote.

    python make.py      # needs torch, numpy and safetensors

The tests read the files; they need no Python. Run it again only to change them: other versions give other digits.
"""

import os

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(6, 8)
        self.fc2 = nn.Linear(8, 3)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x)))


class Conv(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=2)
        )
        self.up = nn.ConvTranspose2d(4, 2, 2, stride=2)
        self.norm = nn.GroupNorm(2, 2)
        self.head = nn.Linear(2 * 6 * 4, 3)

    def forward(self, x):
        x = torch.relu(self.norm(self.up(self.features(x))))
        return self.head(x.flatten(1))


class Sequence(nn.Module):
    """Integers in, so that the input is stored as such."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.rnn = nn.RNN(6, 6, batch_first=True)
        self.gru = nn.GRU(6, 5, batch_first=True)
        self.lstm = nn.LSTM(5, 6, batch_first=True)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.block = nn.TransformerEncoderLayer(
            6, 3, dim_feedforward=24, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.norm = nn.LayerNorm(6)
        self.scale = nn.RMSNorm(6, eps=1e-5)
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        x, _ = self.rnn(self.embedding(x))
        x, _ = self.gru(x)
        x, _ = self.lstm(x)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.head(self.scale(self.norm(self.block(x))))


def trained(model, x, classes):
    """A few steps, so that no parameter and no running moment is what it began with."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(5):
        y = model(x)
        labels = torch.randint(0, classes, y.shape[:-1])
        nn.functional.cross_entropy(y.flatten(0, -2), labels.flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def save(name, model, x, classes):
    model = trained(model, x, classes)
    with torch.no_grad():
        y = model(x)
    save_file(model.state_dict(), f"{name}.safetensors")
    save_file({"x": x, "y": y.contiguous()}, f"{name}-io.safetensors")


def arrays():
    for code in ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]:
        for order in "<>":
            x = np.arange(6).reshape(2, 3).astype(order + code) if code != "?" else np.arange(6).reshape(2, 3) % 2 == 0
            name = np.dtype(code).name + ("_big" if order == ">" else "")
            yield f"{name}_c", x
            yield f"{name}_fortran", np.asfortranarray(x)
    yield "scalar", np.float32(1.5)
    yield "empty", np.zeros((0, 3), "<f4")
    yield "cube_fortran", np.asfortranarray(np.arange(24).reshape(2, 3, 4).astype("<i4"))


def main():
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    torch.manual_seed(1)
    save("mlp", Mlp(), torch.randn(5, 6), 3)
    save("conv", Conv(), torch.randn(4, 2, 9, 7), 3)
    save("sequence", Sequence(), torch.randint(0, 11, (2, 5)), 4)

    # Every element type; the values are 1, 0, 1, … for bool, and 0, 1, 2, … − 1 or so for the others.
    count = torch.arange(6).reshape(2, 3)
    types = {
        "f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "i64": torch.int64,
        "i32": torch.int32, "i16": torch.int16, "i8": torch.int8, "u16": torch.uint16, "u32": torch.uint32, "u8": torch.uint8,
    }
    tensors = {name: count.to(dtype) for name, dtype in types.items()}
    tensors |= {"f32.scalar": torch.tensor(1.5), "f32.empty": torch.zeros(0, 3), "bool": count % 2 == 0}
    tensors |= {"f8": torch.tensor([1.0]).to(torch.float8_e4m3fn)}
    save_file(tensors, "types.safetensors", metadata={"made by": "PyTorch", "note": 'a "quoted" line\nand another, é'})

    np.savez("arrays.npz", **dict(arrays()))
    np.savez_compressed("compressed.npz", **dict(arrays()))
    np.savez_compressed("small.npz", x=np.arange(6).reshape(2, 3).astype("<f4"), mask=np.array([True, False]))
    np.save("one.npy", np.arange(6).reshape(2, 3).astype("<f4"))
    for version in [(2, 0), (3, 0)]:
        with open(f"version{version[0]}.npy", "wb") as file:
            np.lib.format.write_array(file, np.arange(6).reshape(2, 3).astype("<f4"), version=version)
    np.save("strings.npy", np.array(["one", "two"]))
    np.save("objects.npy", np.array([{"any": "thing"}]), allow_pickle=True)
    np.save("records.npy", np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))


if __name__ == "__main__":
    main()
