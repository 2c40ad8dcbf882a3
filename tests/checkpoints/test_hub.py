"""`hf://org/name` through huggingface_hub, against a hub of one repository that the test serves on loopback."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from keras_bert_suite import Encoder
from tests.checks import golden

COMMIT = "0" * 39 + "1"


@pytest.fixture
def hub(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    golden("bert", folder)

    class Hub(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, body):
            path = self.path.split("?")[0]
            if path.startswith("/api/models/org/name/tree/"):
                files = [
                    {"type": "file", "path": f.name, "size": f.stat().st_size, "oid": "0" * 40}
                    for f in folder.iterdir()
                ]
                content = json.dumps(files).encode()
            elif path.startswith("/api/models/org/name"):
                files = [{"rfilename": file.name} for file in folder.iterdir()]
                content = json.dumps({"id": "org/name", "sha": COMMIT, "siblings": files}).encode()
            elif path.startswith("/org/name/resolve/") and (folder / path.split("/")[-1]).exists():
                content = (folder / path.split("/")[-1]).read_bytes()
            else:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *_):
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_preset_of_a_hub(hub, tmp_path):
    folder, address = hub
    # In a process of its own: huggingface_hub reads its variables when it is imported.
    code = (
        "import keras_bert_suite, sys; e = keras_bert_suite.Encoder.from_preset('hf://org/name'); "
        "e.save_preset(sys.argv[1])"
    )
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "got"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    there, here = Encoder.from_preset(tmp_path / "got"), Encoder.from_preset(folder)
    assert all(np.array_equal(a, b) for a, b in zip(there.get_weights(), here.get_weights(), strict=True))
