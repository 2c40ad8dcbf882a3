"""Numbers of a training by step, for TensorBoard."""

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
        self._writer = tf.summary.create_file_writer(str(folder))

    def write(self, entries):
        """Writes dicts of numbers, of which `step` says where the others belong."""
        with self._writer.as_default():
            for entry in entries:
                for name, value in entry.items():
                    if name != "step":
                        tf.summary.write(name, tf.constant(value, tf.float32), entry["step"], metadata=SCALAR)

    def flush(self):
        """Has what was written on the disk."""
        self._writer.flush()
