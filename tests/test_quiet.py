"""What C++ libraries print is hidden; exceptions and crashes are not."""

import subprocess
import sys

import pytest

START = "import os\nfrom keras_bert_suite.quiet import quiet\nwith quiet():\n    os.write(2, b'noise')\n    "


@pytest.mark.parametrize(
    ("ending", "shown"),
    [
        ("pass", ""),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("os.abort()", "Fatal Python error: Aborted"),
    ],
)
def test_quiet(ending, shown):
    done = subprocess.run([sys.executable, "-c", START + ending], capture_output=True, text=True)
    assert shown in done.stderr and "noise" not in done.stderr
    assert shown or not done.stderr


def test_without_standard_error():
    code = "from keras_bert_suite.quiet import quiet\nwith quiet():\n    print('ran')"
    done = subprocess.run(["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, code], stdout=subprocess.PIPE)
    assert done.stdout == b"ran\n"


def test_tensorflow_starts_without_a_word():
    code = "from keras_bert_suite import quiet\nquiet.start_tensorflow()\nimport tensorflow as tf\ntf.constant(1) + 1"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""
