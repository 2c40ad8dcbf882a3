"""Keeps what C++ libraries print of themselves off the terminal. It needs neither Keras nor TensorFlow."""

import contextlib
import faulthandler
import importlib.util
import os


@contextlib.contextmanager
def quiet():
    """Hides what is written to file descriptor 2 within the block.

    An exception leaves the block as ever, and is printed after it; a crash of the process prints Python's stack.
    """
    try:
        saved = os.dup(2)
    except OSError:
        # A service without standard error has nothing to hide.
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    watch = not faulthandler.is_enabled()
    if watch:
        faulthandler.enable(saved)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        if watch:
            faulthandler.disable()
        os.close(saved)
        os.close(null)


def start_tensorflow():
    """Imports TensorFlow, where there is one, and lists its devices; what both print whatever is set is hidden."""
    if not importlib.util.find_spec("tensorflow"):
        return
    with quiet():
        import tensorflow as tf

        tf.config.list_logical_devices()
