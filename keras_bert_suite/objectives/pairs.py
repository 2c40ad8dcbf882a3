"""What two texts are to each other: next sentence (BERT) and sentence order (ALBERT)."""

from keras import ops

from keras_bert_suite import heads
from keras_bert_suite.objectives.masked_lm import cross_entropy
from keras_bert_suite.objectives.objective import Objective


class _PairLabel(Objective):
    def __init__(self, weight=1.0):
        self.weight = weight

    def build(self, encoder, inputs):
        """Logits `(batch, 2)`, of the head that the encoder's family has."""
        model = heads.attach(encoder, self.name)
        return model.output["logits"]

    def losses(self, output, batch):
        """Cross-entropies in nats, `(batch,)`."""
        return cross_entropy(output, ops.reshape(batch["label"], (-1,)))

    def weights(self, batch):
        """1 for each row."""
        return ops.ones_like(ops.reshape(batch["label"], (-1,)), "float32")


class NextSentence(_PairLabel):
    """Whether the second text follows the first in a document (label 0) or is of another (1).

    Devlin et al. 2019, https://arxiv.org/abs/1810.04805

    Args:
        weight: of the loss.
    """

    name = "next_sentence"


class SentenceOrder(_PairLabel):
    """Whether two texts that follow each other stand in their order (label 0) or in the other (1).

    Lan et al. 2019, https://arxiv.org/abs/1909.11942

    Args:
        weight: of the loss.
    """

    name = "sentence_order"
