"""What the tests of the six packages in one environment (`constraints-card.txt`) need before anything is imported."""

import importlib.util
import sys
import types

if importlib.util.find_spec("tflite_support"):
    # tflite_support 0.4.4's vision task and TensorFlow from 2.14 on each register the C++ type StatusCode, and the
    # second to be imported fails; `import tflite_support` imports every task, so this one, unused here, is left empty.
    sys.modules.setdefault("tflite_support.task.vision", types.ModuleType("tflite_support.task.vision"))


def pytest_configure(config):
    if importlib.util.find_spec("tflite_support"):
        # What these packages warn of, on being imported too, is theirs to mend: here warnings are shown, not errors.
        config.addinivalue_line("filterwarnings", "default")
