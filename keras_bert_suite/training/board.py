"""Numbers of a training by step, for TensorBoard."""

import contextlib
import errno
from pathlib import Path

import tensorflow as tf

# What TensorBoard's own `scalar` writes, which needs its package.
SCALAR = tf.compat.v1.SummaryMetadata(
    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class="DATA_CLASS_SCALAR"
)


class Board:
    """Writes event files that `tensorboard --logdir` shows.

    A run that goes on after a kill adds a file; steps that were done again have the same loss in both.

    Args:
        folder: where they are written.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self._writer = tf.summary.create_file_writer(str(folder))

    def write(self, entries):
        """Writes dicts of numbers, of which `step` says where the others belong.

        Raises:
            OSError: a file cannot be written.
        """
        with _os_errors(), self._writer.as_default():
            for entry in entries:
                for name, value in entry.items():
                    if name != "step":
                        tf.summary.write(name, tf.constant(value, tf.float32), entry["step"], metadata=SCALAR)

    def flush(self):
        """Has what was written on the disk, or raises as `write` does."""
        with _os_errors():
            self._writer.flush()


@contextlib.contextmanager
def _os_errors():
    try:
        yield
    except tf.errors.ResourceExhaustedError:
        raise OSError(errno.ENOSPC, "No space left on device") from None
    except tf.errors.OpError as error:
        raise OSError(" ".join(str(error.message).split())) from None
