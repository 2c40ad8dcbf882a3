"""edge/c compiles, gives what Python's runtime gives, and says what is wrong in one line."""

import shutil
import subprocess
from pathlib import Path

import ai_edge_litert
import numpy as np
import pytest

from keras_bert_suite.edge import export, pipeline
from tests.edge.test_export import TASKS, TEXTS, trained

SOURCE = Path(__file__).parents[2] / "edge/c/scores.c"
LIBRARY = Path(ai_edge_litert.__file__).parent / "libLiteRt.so"
COMPILER = shutil.which("cc")

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="needs a C compiler: apt-get install gcc"),
    pytest.mark.skipif(not LIBRARY.exists(), reason="ai-edge-litert has no libLiteRt.so on this platform"),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The compiled program."""
    path = tmp_path_factory.mktemp("c") / "scores"
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", f"-Wl,-rpath,{LIBRARY.parent}"]
    made = subprocess.run([COMPILER, *flags, SOURCE, LIBRARY, "-o", path], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return path


def ask(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)


def outputs(found):
    """The outputs that the program printed, by name."""
    made = {}
    for line in found.stdout.splitlines():
        name, shape, *values = line.split(" ")
        made[name] = np.array(values, "float64").reshape([int(size) for size in shape.split("x")])
    return made


@pytest.mark.parametrize("task", ["single_label", "tokens"])
def test_same_outputs_as_python(task, program, tmp_path):
    path = tmp_path / "model.tflite"
    export.export(trained(TASKS[task]), path, "float32", [8, 24])
    device = pipeline.load(path)
    for text, pair in [TEXTS[0], TEXTS[8], ("a good film", "anna left paris")]:
        encoding = device.tokenizer.encode(text, pair)
        ids = list(encoding.ids)
        if pair is not None:
            ids.insert(encoding.segment_ids.index(1), "/")
        found = ask(program, path, *ids)
        assert found.returncode == 0, found.stderr
        length = device.runtime.length_for(len(encoding.ids))
        expected = device.runtime.run(device.tokenizer.arrays([encoding], length))
        found = outputs(found)
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            # The same kernels; eight digits are printed.
            np.testing.assert_allclose(found[name], values, atol=1e-6, rtol=0)


def test_what_is_wrong_is_said_in_one_line(program, tmp_path):
    (tmp_path / "text.tflite").write_text("not a model")
    path = tmp_path / "model.tflite"
    export.export(trained(TASKS["single_label"]), path, "float32", [8])
    for arguments, message in {
        (): "error: usage: scores model.tflite ID ... [/ ID ...]",
        (path, "x"): "error: x: expected a token id.",
        (path, "/"): "error: the ids: there are none.",
        (path, *range(9)): "error: the ids: no signature of the model takes so many.",
        (tmp_path / "none.tflite", 2): f"error: {tmp_path}/none.tflite: LiteRT's status is 500.",
        (tmp_path / "text.tflite", 2): f"error: {tmp_path}/text.tflite: LiteRT's status is 500.",
    }.items():
        found = ask(program, *arguments)
        assert (found.returncode, found.stdout) == (1, "")
        # Lines before the last are LiteRT's own.
        assert found.stderr.splitlines()[-1] == message
