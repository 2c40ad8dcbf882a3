"""`Distiller`: a student and its teacher as one model that `fit` trains, each run once a step."""

import keras

from keras_bert_suite.distillation.traces import Frozen, frozen
from keras_bert_suite.errors import InputError
from keras_bert_suite.layers.base import register
from keras_bert_suite.objectives.objective import Pretraining

CACHED = "teacher_"


def read_of_teacher(student, teacher, losses):
    """The names of the teacher's tensors that losses read, which a cache has to keep; arguments as `Distiller`'s."""
    return sorted({key for each in losses for key in each.keys(student, teacher)[1]})


@register
class Distiller(Pretraining):
    """A student that learns from what its teacher computes, as a functional model.

    Each loss is the sum of its comparisons over the whole batch, of all replicas, over the sum of their weights, and
    the model's is their weighted sum: the same number on any number of devices. The teacher is run without dropout and
    without a gradient. A batch is a dict of arrays: the inputs of both models, and the labels that losses read.

    Args:
        student: a `Traced`.
        teacher: a `Traced`; that of a `cache.Cache` has no encoder, and a batch what the cache gives. The student
            itself, where it learns from what it computes, and the model is run once.
        losses: a list of `losses.Comparison`, each of another name.
        pieces: for each of the student's token ids the teacher's, a list; None where they are the same, or where a
            cache was made with them.

    Raises:
        InputError: there are no losses, two have a name, or the two models do not go together for one.
    """

    def __init__(self, student, teacher, losses, pieces=None, **kwargs):
        names = [each.name for each in losses]
        if not names or len(set(names)) < len(names):
            raise InputError(f"Received the losses {', '.join(names) or 'none'}; expected one or more, each once.")
        keys = [each.keys(student, teacher) for each in losses]
        inputs, theirs = dict(student.inputs), read_of_teacher(student, teacher, losses)
        if teacher is student:
            tensors = student.tensors
        elif teacher.encoder is None:
            tensors = {key: teacher.tensors[key] for key in theirs}
            inputs |= {CACHED + key: tensor for key, tensor in tensors.items()}
        elif theirs:
            for name, tensor in teacher.inputs.items():
                inputs.setdefault(name, keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name))
            tensors = frozen(teacher, theirs, inputs, pieces)
        else:
            tensors = {}
        outputs = {
            each.name: each.build([student.tensors[key] for key in ours], [tensors[key] for key in read], inputs)
            for each, (ours, read) in zip(losses, keys, strict=True)
        }
        super().__init__(inputs, outputs, student.encoder, losses, **kwargs)

    @property
    def state(self):
        """The variables that a training changes, not those of the teacher."""
        teacher = {id(variable) for layer in self.layers if isinstance(layer, Frozen) for variable in layer.variables}
        return [variable for variable in self.variables if id(variable) not in teacher]
