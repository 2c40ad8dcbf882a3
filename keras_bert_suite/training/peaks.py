"""How many floating-point operations a second a device can do: what the speed of a training is a part of."""

import os
import time

import keras
from keras import ops

# TFLOP/s of products of matrices that are not sparse, in float32 as computed by default (TF32 where there is) and
# in bfloat16, by a part of the device's name; the makers' data sheets. A TPU v3 is two devices.
PEAKS = {
    "H100 PCIe": (378.0, 756.0),
    "H100 NVL": (417.5, 835.0),
    "H100": (494.5, 989.0),
    "H200": (494.5, 989.0),
    "A100": (156.0, 312.0),
    # Without bfloat16.
    "V100": (15.7, 15.7),
    "v5litepod": (197.0, 197.0),
    "v5 lite": (197.0, 197.0),
    "v5p": (459.0, 459.0),
    "v4": (275.0, 275.0),
    "v3": (61.5, 61.5),
}


def peak(devices, dtype, tflops=None, processors=1):
    """Operations a second of all devices, or None where that is not known.

    GPUs and TPUs are known by their names; of processors it is measured, by a product that takes a moment.

    Args:
        devices: their number.
        dtype: Keras's policy, `"float32"` or `"mixed_bfloat16"`.
        tflops: TFLOP/s of a device, in place of what is known; or None.
        processors: the number of machines, where the devices are logical ones of their processors.
    """
    if tflops:
        return tflops * 1e12 * devices
    names = device_names()
    if not names:
        return measured(dtype) * processors
    known = [each for part, each in PEAKS.items() if part in names[0]]
    return known[0][dtype != "float32"] * 1e12 * devices if known else None


def device_names():
    """What the accelerators of this machine are called; of processors there is none."""
    if keras.backend.backend() == "jax":
        import jax

        return [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    import tensorflow as tf

    if tf.config.list_logical_devices("TPU"):
        return [os.environ.get("TPU_ACCELERATOR_TYPE", "TPU")]
    found = [tf.config.experimental.get_device_details(each) for each in tf.config.list_physical_devices("GPU")]
    return [each.get("device_name", "GPU") for each in found]


def measured(dtype, side=1024, times=3):
    """Operations a second of a product of two matrices, the fastest of several."""
    array = ops.ones((side, side), "float32" if dtype == "float32" else "bfloat16")
    seconds = []
    for _ in range(times + 1):
        begin = time.perf_counter()
        ops.convert_to_numpy(ops.matmul(array, array))
        seconds.append(time.perf_counter() - begin)
    return 2 * side**3 / min(seconds)
