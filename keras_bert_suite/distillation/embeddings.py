"""What the vectors of a student's texts are compared with its teacher's by, in `keras.ops` alone.

`Vectors` compares each text's own; `Similarities` and `SimilarityMargins` how alike the texts of a batch are, which is
what users of embeddings compare, and has no need of a projection. Token by token there are `losses.HiddenStates` and
`losses.Cosine`, where both models have the same pieces.
"""

from keras import ops

from keras_bert_suite.distillation.losses import Comparison, HiddenStates
from keras_bert_suite.errors import InputError
from keras_bert_suite.tasks.losses import cosines, unit

PAIR = ("embedding", "embedding")


class OfTexts(Comparison):
    """A comparison with one number a text; abstract. A text without a real token counts nowhere.

    Args:
        pairs: a list of one `(student, teacher)`, names of tensors `(batch, dim)`.
        weight: of the loss.
        name: of the loss.
    """

    def __init__(self, pairs=(PAIR,), weight=1.0, name=None):
        super().__init__(pairs, weight, name)

    def weights(self, batch):
        return _real(batch["padding_mask"])


class Vectors(OfTexts):
    """How far the student's vector of a text is from the teacher's.

    Reimers and Gurevych 2020, https://arxiv.org/abs/2004.09813 (squared error)

    Args:
        distance: `"cosine"`, 1 less the cosine; or `"squared"`, the mean squared difference.
        projection: `"shared"`, a learned dense layer from the student's width to the teacher's; or None, where the
            widths are the same.
        pairs, weight, name: as for `OfTexts`.
    """

    def __init__(self, distance="cosine", projection=None, pairs=(PAIR,), weight=1.0, name=None):
        super().__init__(pairs, weight, name)
        if distance not in ("cosine", "squared") or projection not in (None, "shared"):
            raise InputError(
                f"Received distance={distance!r} and projection={projection!r}; expected cosine or squared, and None "
                "or shared."
            )
        self.distance, self.projection = distance, projection

    make = HiddenStates.make

    def compare(self, student, teacher, padding_mask, layers):
        (ours,), (theirs,) = student, teacher
        ours = layers[0](ours) if layers else ours
        if self.distance == "squared":
            return ops.mean(ops.square(ours - theirs), axis=-1)
        return 1.0 - cosines(ours, theirs)


class Similarities(OfTexts):
    """Squared differences of the cosines between texts: a text's is the mean over the others of its group.

    Tung and Mori 2019, https://arxiv.org/abs/1907.09682; Park et al. 2019, https://arxiv.org/abs/1904.05068

    Texts are compared within groups of a fixed size, those that follow one another in a batch. So the loss is the same
    number on any number of devices and in any number of accumulated parts, as long as `group` divides the texts of
    each; were whole batches compared, each device would know less of the pairs the more devices there are.

    Args:
        group: texts of a group.
        pairs, weight, name: as for `OfTexts`.
    """

    def __init__(self, group=32, pairs=(PAIR,), weight=1.0, name=None):
        super().__init__(pairs, weight, name)
        if group < 2:
            raise InputError(f"Received group={group}; expected 2 or more texts, to be compared with one another.")
        self.group = group

    def compare(self, student, teacher, padding_mask, layers):
        differences, others = self._differences(student[0], teacher[0], padding_mask)
        return self._mean(ops.square(differences), others)

    def _differences(self, ours, theirs, padding_mask):
        """Of the cosines, and which pairs count, each `(groups, group, group)`."""

        def among(x):
            x = ops.reshape(unit(x), (-1, self.group, x.shape[-1]))
            return ops.matmul(x, ops.transpose(x, (0, 2, 1)))

        real = ops.cast(ops.reshape(_real(padding_mask), (-1, self.group)), ours.dtype)
        others = ops.expand_dims(real, 1) * ops.expand_dims(real, 2) * (1.0 - ops.eye(self.group, dtype=ours.dtype))
        return among(ours) - among(theirs), others

    def _mean(self, x, others):
        """The mean over the other texts, `(batch,)`."""
        count = ops.maximum(ops.sum(others, axis=-1), 1.0)
        return ops.reshape(ops.sum(x * others, axis=-1) / count, (-1,))


class SimilarityMargins(Similarities):
    """The same of margins: how much more a text is like one text than like another, over all two others of its group.

    Hofstätter et al. 2020, https://arxiv.org/abs/2010.02666 (margin MSE), with every pair of others. It asks for the
    order and the distances of a text's similarities, and leaves it free how high they are.
    """

    def compare(self, student, teacher, padding_mask, layers):
        differences, others = self._differences(student[0], teacher[0], padding_mask)
        count = ops.maximum(ops.sum(others, axis=-1, keepdims=True), 1.0)
        mean = ops.sum(differences * others, axis=-1, keepdims=True) / count
        # The mean squared difference of two of n numbers is 2 n / (n - 1) times their variance.
        spread = self._mean(ops.square(differences - mean), others)
        count = ops.reshape(count, (-1,))
        return 2.0 * spread * count / ops.maximum(count - 1.0, 1.0)


def _real(padding_mask):
    """Which texts have a token at all, `(batch,)`."""
    return ops.max(ops.cast(padding_mask, "float32"), axis=-1)
