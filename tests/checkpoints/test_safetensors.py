"""What is read of safetensors: half precision too; a broken header, other dtypes and pickles are named."""

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_bert_suite import Encoder, InputError
from tests.checks import difference, golden


def write(path, dtype, arrays):
    """Writes arrays of bytes under a dtype that numpy may lack."""
    header, data = {}, b""
    for name, (shape, content) in arrays.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_bfloat16_and_float16(tmp_path):
    inputs, outputs, weights = golden("bert", tmp_path)
    cut = {name: (array.view("uint32") >> 16).astype("uint16") for name, array in weights.items()}
    write(tmp_path / "model.safetensors", "BF16", {name: (a.shape, a.tobytes()) for name, a in cut.items()})
    exact = Encoder.from_preset(tmp_path)
    rounded = {name: (array.astype("uint32") << 16).view("float32") for name, array in cut.items()}
    query = next(variable for variable in exact.weights if variable.path == "block_0/attention/query/kernel")
    assert np.array_equal(np.asarray(query), rounded["encoder.layer.0.attention.self.query.weight"].T)
    save_file({name: array.astype("float16") for name, array in weights.items()}, tmp_path / "model.safetensors")
    # 0.05: eleven bits in each weight, over two blocks.
    assert difference(Encoder.from_preset(tmp_path)(inputs)["pooled_output"], outputs["pooled_output"]) < 0.05


def test_a_broken_header_is_named(tmp_path):
    golden("bert", tmp_path)
    path = tmp_path / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:8] + b"?" + content[9:])
    with pytest.raises(InputError, match="model.safetensors is damaged or cut off"):
        Encoder.from_preset(tmp_path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="model.safetensors is damaged or cut off"):
        Encoder.from_preset(tmp_path)


def test_another_dtype_is_named(tmp_path):
    golden("bert", tmp_path)
    arrays = load_file(tmp_path / "model.safetensors")
    arrays["pooler.dense.bias"] = arrays["pooler.dense.bias"].astype("int8")
    save_file(arrays, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"pooler\.dense\.bias is of dtype I8; supported are F32"):
        Encoder.from_preset(tmp_path)


def test_pickles_are_never_loaded(tmp_path):
    golden("bert", tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"pytorch_model\.bin is pickled, which is never loaded"):
        Encoder.from_preset(tmp_path)
