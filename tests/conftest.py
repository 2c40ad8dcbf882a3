"""Where test data may be, and the folders that several tests share."""

import os
import subprocess
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest

SHARED = Path(os.environ.get("KBS_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared():
    """The folder with reference vectors and data sets; tests that need it skip where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs the reference data: set KBS_SHARED")
    return SHARED / "data"


@pytest.fixture(scope="session")
def minilm():
    """The folder of the real all-MiniLM-L6-v2: `MINILM`, or what the shared script fetches."""
    folder = os.environ.get("MINILM")
    script = SHARED / "models/get_minilm.sh"
    if not folder and script.exists():
        found = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=False)
        folder = found.stdout.strip() if found.returncode == 0 else None
    if not folder:
        pytest.skip("needs the weights of all-MiniLM-L6-v2: set MINILM to their folder")
    return Path(folder)
