"""Starts the local workers of a distributed training, and starts all of them again when one dies."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time

from keras_bert_suite.errors import InputError

# What a tool exits with for bad input: no use in another try.
BAD_INPUT = 2


def run(command, workers, logs, progress, tries=3):
    """Runs a command in several processes, each of which finds its place among them in `TF_CONFIG`.

    Where one dies the others cannot go on, and say so late or never: all are stopped, and begin again where their last
    checkpoint is. The first one's output is that of this process.

    Args:
        command: the words of the command.
        workers: number of processes.
        logs: the folder for what the others print, `worker_N.log`.
        progress: a function that gives something that differs once a checkpoint was written.
        tries: how often in a row all may begin again without one.

    Raises:
        InputError: the input is bad, or the workers died again and again; the logs say why.
    """
    logs.mkdir(parents=True, exist_ok=True)
    left = tries
    while True:
        before = progress()
        code = _once(command, workers, logs)
        if code == 0:
            return
        if code == BAD_INPUT:
            raise InputError("The workers stopped; the reason stands above.")
        left = tries if progress() != before else left - 1
        if not left:
            raise InputError(f"The workers died {tries} times without a checkpoint between; see {logs}/worker_*.log.")
        print(f"A worker died ({_name(code)}); all {workers} begin again from the last checkpoint.", flush=True)


def _once(command, workers, logs):
    """The first exit code that is not 0, or 0 after all ended well."""
    cluster = {"worker": [f"localhost:{port}" for port in _free_ports(workers)]}
    running = []
    try:
        for number in range(workers):
            config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": number}})
            output = None if number == 0 else open(logs / f"worker_{number}.log", "ab")
            running.append(
                subprocess.Popen(
                    command,
                    env={**os.environ, "TF_CONFIG": config},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output and subprocess.STDOUT,
                    preexec_fn=_die_with_parent if sys.platform == "linux" else None,
                )
            )
            if output:
                output.close()
        while True:
            codes = [process.poll() for process in running]
            bad = next((code for code in codes if code), None)
            if bad == BAD_INPUT and None in codes:
                # All find it at the same time, and the first one says it.
                _wait(running, 30)
            if bad is not None or None not in codes:
                return bad or 0
            time.sleep(0.2)
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.wait()


def _wait(running, seconds):
    stop = time.monotonic() + seconds
    while time.monotonic() < stop and None in [process.poll() for process in running]:
        time.sleep(0.2)


def _die_with_parent():
    # PR_SET_PDEATHSIG: without it the workers of a launcher that is killed keep their ports and write on.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _free_ports(number):
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _name(code):
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
