"""Runs modules and scripts in processes of their own that need not load TensorFlow: forks of one that has.

`run` is `subprocess.run` for Python's `-m module` or a script, five seconds of a processor sooner. What a process that
begins with nothing does (imports, lines that libraries print at the start) is tested where it is started as such.
"""

import atexit
import dataclasses
import functools
import importlib.util
import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclasses.dataclass
class Done:
    """What `subprocess.run` gives: the exit status, negative for a signal, and what was printed."""

    returncode: int
    stdout: str
    stderr: str


def run(target, arguments, text=""):
    """Runs a module, or a script, and waits for it.

    Args:
        target: the module's name; or the path of a script, which may import `tests`.
        arguments: strings.
        text: what its standard input says.
    """
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
        places[0].write_text(text)
        asked = {
            "target": str(target),
            "arguments": list(map(str, arguments)),
            "places": list(map(str, places)),
            "folder": os.getcwd(),
            "environment": dict(os.environ),
        }
        server = _server()
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        returncode = int(server.stdout.readline())
        return Done(returncode, places[1].read_text(), places[2].read_text())


@functools.cache
def _server():
    """The process that forks, one for each of pytest's workers; it ends when they do."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.processes"], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    atexit.register(server.communicate)
    return server


def _serve(answers):
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            answers.close()
            os._exit(_fork(**asked))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=answers, flush=True)


def _fork(target, arguments, places, folder, environment):
    """What a fork does; its exit status."""
    for number, place in enumerate(places):
        file = os.open(place, os.O_RDWR | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, closefd=False)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [target, *arguments]
    status = 0
    try:
        if target.endswith(".py"):
            runpy.run_path(target, run_name="__main__")
        else:
            runpy.run_module(target, run_name="__main__", alter_sys=True)
    except SystemExit as exit:
        status = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    # What libraries print while they load is not a line of a tool, nor an answer.
    answers = os.fdopen(os.dup(1), "w")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    # Where it is not, a tool chooses the backend before Keras is loaded.
    if importlib.util.find_spec("tensorflow"):
        import tensorflow as tf

        import keras_bert_suite.distilling
        import keras_bert_suite.edge.export
        import keras_bert_suite.serving
        import keras_bert_suite.tasks.saved  # noqa: F401

        # Prints a line that no fork shall print again. Devices are made by each fork: threads do not come along.
        tf.config.list_physical_devices()
    _serve(answers)
