"""What devices can do, by their names, by what is given, and measured."""

import pytest

from keras_bert_suite.training import peaks


@pytest.mark.parametrize(
    ("name", "dtype", "tflops"),
    [
        ("NVIDIA H100 80GB HBM3", "mixed_bfloat16", 989),
        ("NVIDIA H100 PCIe", "mixed_bfloat16", 756),
        ("NVIDIA H200", "float32", 494.5),
        ("NVIDIA A100-SXM4-80GB", "mixed_bfloat16", 312),
        ("NVIDIA A100-PCIE-40GB", "float32", 156),
        ("Tesla V100-SXM2-16GB", "float32", 15.7),
        ("v3-8", "mixed_bfloat16", 61.5),
        ("v4-8", "mixed_bfloat16", 275),
        ("v5litepod-4", "mixed_bfloat16", 197),
        ("TPU v5 lite", "mixed_bfloat16", 197),
        ("v5p-8", "mixed_bfloat16", 459),
        ("GeForce 256", "float32", None),
    ],
)
def test_devices_are_known_by_name(monkeypatch, name, dtype, tflops):
    monkeypatch.setattr(peaks, "device_names", lambda: [name])
    assert peaks.peak(1, dtype) == (tflops and tflops * 1e12)
    assert peaks.peak(2, dtype, 2.5) == 5e12


def test_a_processor_is_measured():
    # From one slow core to the largest machine.
    assert 1e8 < peaks.peak(1, "float32") < 1e14
