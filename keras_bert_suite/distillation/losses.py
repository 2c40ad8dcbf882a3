"""What a student is compared with its teacher by, in `keras.ops` alone; a list of them is a recipe's heart.

Each gives one number a token, of `(batch, time)`, or a row, of `(batch,)`; the loss is their mean over the real
tokens, or the rows, of the whole batch, on any number of devices. Padding counts nowhere: not as a token, and not as
what a token reads.
"""

import keras
from keras import ops

from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import Layer, dense, padding_bias, register
from keras_bert_suite.objectives.objective import Objective
from keras_bert_suite.tasks.losses import cosines

EPSILON = 1e-12
# Below it a score says that a query does not read a key, as one out of a window; see `layers.attention.limit`.
UNREAD = -1e4


class Comparison(Objective):
    """A loss between what a student and a teacher compute; abstract.

    Attributes:
        pairs: a list of `(student, teacher)`: numbers of blocks, from 0, or names as `"embeddings"`. What is compared
            of a block, `what` says. The comparisons of all pairs are added.
        what: names of a block's tensors.
    """

    what = ("output",)

    def __init__(self, pairs, weight=1.0, name=None):
        self.pairs, self.weight = [tuple(pair) for pair in pairs], weight
        self.name = name or _snake_case(type(self).__name__)
        if not self.pairs:
            raise InputError(f"Received no pairs for {self.name}; expected one or more of (student, teacher).")

    def keys(self, student, teacher):
        """The names of what is read of the two `Traced`, two lists of one length."""
        found = [
            (student.key(ours, what), teacher.key(theirs, what)) for ours, theirs in self.pairs for what in self.what
        ]
        ours, theirs = [ours for ours, _ in found], [theirs for _, theirs in found]
        _check(self, "student", student, ours)
        _check(self, "teacher", teacher, theirs)
        return ours, theirs

    def build(self, student, teacher, inputs):
        """The comparisons, `(batch, time)` or `(batch,)`.

        Args:
            student, teacher: lists of `keras.KerasTensor`, in the order of `keys`.
            inputs: the student's inputs.
        """
        # Under a name that no layer of the student has.
        layer = Compare(self, name=f"compare_{self.name}", dtype="float32")
        return layer(student, teacher, inputs["padding_mask"])

    def make(self, student_shapes, teacher_shapes):
        """Layers that the comparison learns, built, as a list."""
        return []

    def compare(self, student, teacher, padding_mask, layers):
        """The comparisons of lists of float32 tensors; `layers` as `make` gave them."""
        raise NotImplementedError

    def losses(self, output, batch):
        return output

    def weights(self, batch):
        return batch["padding_mask"]


@register
class Compare(Layer):
    """A `Comparison` as a layer of a graph, computed in float32.

    Args:
        comparison: the `Comparison`.

    Call arguments:
        student, teacher: lists of tensors.
        padding_mask: `(batch, time)`, 1 for a real token.

    Returns:
        `(batch, time)` or `(batch,)`.
    """

    def __init__(self, comparison, **kwargs):
        super().__init__(**kwargs)
        self.comparison = comparison

    def build(self, student_shape, teacher_shape, padding_mask_shape):
        self.learned = self.comparison.make(student_shape, teacher_shape)

    def call(self, student, teacher, padding_mask):
        return self.comparison.compare(student, teacher, padding_mask, self.learned)


class HiddenStates(Comparison):
    """The mean squared difference of hidden states. TinyBERT: Jiao et al. 2020, https://arxiv.org/abs/1909.10351.

    Args:
        pairs: a list of `(student, teacher)`.
        projection: a learned dense layer from the student's width to the teacher's: `"shared"`, one for all pairs;
            `"each"`; or None, where the widths are the same.
        normalize: whether each vector is brought to mean 0 and variance 1 before, as MobileBERT's transfer does.
        weight: of the loss.
        name: of the loss.
    """

    def __init__(self, pairs, projection=None, normalize=False, weight=1.0, name=None):
        super().__init__(pairs, weight, name)
        self.projection, self.normalize = _known_projection(projection), normalize

    def make(self, student_shapes, teacher_shapes):
        return _projections(self, student_shapes, teacher_shapes)

    def compare(self, student, teacher, padding_mask, layers):
        student = _projected(student, layers)
        if self.normalize:
            student, teacher = ([_normalized(x) for x in each] for each in (student, teacher))
        return _added(lambda ours, theirs: ops.mean(ops.square(ours - theirs), axis=-1), student, teacher)


class FeatureStatistics(Comparison):
    """MobileBERT's differences of a vector's mean, squared, and of its variance.

    Sun et al. 2020, https://arxiv.org/abs/2004.02984

    Args:
        pairs: a list of `(student, teacher)`.
        mean, variance: the weights of the two.
        weight: of the loss.
        name: of the loss.
    """

    def __init__(self, pairs, mean=5000.0, variance=5.0, weight=1.0, name=None):
        super().__init__(pairs, weight, name)
        self.mean, self.variance = mean, variance

    def compare(self, student, teacher, padding_mask, layers):
        def of(ours, theirs):
            mean = ops.square(ops.mean(ours, axis=-1) - ops.mean(theirs, axis=-1))
            variance = ops.abs(ops.var(ours, axis=-1) - ops.var(theirs, axis=-1))
            return self.mean * mean + self.variance * variance

        return _added(of, student, teacher)


class Cosine(Comparison):
    """One less the cosine of the student's and the teacher's vectors. DistilBERT: https://arxiv.org/abs/1910.01108.

    Args:
        pairs: a list of `(student, teacher)`.
        projection: see `HiddenStates`.
        weight: of the loss.
        name: of the loss.
    """

    def __init__(self, pairs, projection=None, weight=1.0, name=None):
        super().__init__(pairs, weight, name)
        self.projection = _known_projection(projection)

    def make(self, student_shapes, teacher_shapes):
        return _projections(self, student_shapes, teacher_shapes)

    def compare(self, student, teacher, padding_mask, layers):
        student = _projected(student, layers)
        return _added(lambda ours, theirs: 1.0 - cosines(ours, theirs), student, teacher)


class AttentionScores(Comparison):
    """The mean squared difference of attention's scores before the softmax, over real pairs of tokens and all heads.

    TinyBERT: Jiao et al. 2020, https://arxiv.org/abs/1909.10351. Both have as many heads. A pair that one of the two
    does not read, as it is out of a window, differs by nothing.

    Args:
        pairs: a list of `(student, teacher)`.
        weight: of the loss.
        name: of the loss.
    """

    what = ("scores",)

    def make(self, student_shapes, teacher_shapes):
        return _same_heads(self, student_shapes, teacher_shapes)

    def compare(self, student, teacher, padding_mask, layers):
        keys = ops.cast(padding_mask, "float32")
        count = ops.maximum(ops.sum(keys, axis=-1, keepdims=True), 1.0)
        read = ops.expand_dims(ops.expand_dims(keys, 1), 1)

        def of(ours, theirs):
            # Scores that are not read may be as low as a dtype goes: left out before they are squared.
            both = ops.logical_and(read > 0, ops.minimum(ours, theirs) > UNREAD)
            difference = ops.where(both, ours - theirs, 0.0)
            return ops.mean(ops.sum(ops.square(difference), axis=-1), axis=1) / count

        return _added(of, student, teacher)


class AttentionDistributions(Comparison):
    """The divergence of the student's attention from the teacher's, mean over heads and reading tokens.

    MiniLM: Wang et al. 2020, https://arxiv.org/abs/2002.10957. Both have as many heads.

    Args:
        pairs: a list of `(student, teacher)`.
        weight: of the loss.
        name: of the loss.
    """

    what = ("scores",)

    def make(self, student_shapes, teacher_shapes):
        return _same_heads(self, student_shapes, teacher_shapes)

    def compare(self, student, teacher, padding_mask, layers):
        return _added(lambda ours, theirs: ops.mean(_divergence(ours, theirs, padding_mask), axis=1), student, teacher)


class Relations(Comparison):
    """The divergence of the relations that queries, keys or values have among themselves.

    A relation is the softmax of the scaled products of all vectors of a head with each other. `of=("value",)` is
    that of MiniLM (https://arxiv.org/abs/2002.10957); all three with any number of relation heads, for which the
    heads' vectors are joined and cut anew, MiniLMv2's (https://arxiv.org/abs/2012.15828).

    Args:
        pairs: a list of `(student, teacher)`.
        of: which of `"query"`, `"key"`, `"value"`; their divergences are added.
        heads: number of relation heads, which divides both widths; None for the attention's own heads, which are as
            many in both.
        weight: of the loss.
        name: of the loss.
    """

    def __init__(self, pairs, of=("query", "key", "value"), heads=None, weight=1.0, name=None):
        super().__init__(pairs, weight, name)
        self.what, self.heads = tuple(of), heads
        if not self.what or set(self.what) - {"query", "key", "value"}:
            raise InputError(f'Received of={of!r} for {self.name}; expected some of "query", "key" and "value".')

    def make(self, student_shapes, teacher_shapes):
        if self.heads is None:
            return _same_heads(self, student_shapes, teacher_shapes)
        for whose, shapes in (("student", student_shapes), ("teacher", teacher_shapes)):
            for shape in shapes:
                if shape[1] * shape[3] % self.heads:
                    raise InputError(
                        f"Received heads={self.heads} for {self.name}; expected a number that divides the width of "
                        f"the {whose}'s heads together, {shape[1] * shape[3]}."
                    )
        return []

    def compare(self, student, teacher, padding_mask, layers):
        def of(ours, theirs):
            ours, theirs = self._relation(ours), self._relation(theirs)
            return ops.mean(_divergence(ours, theirs, padding_mask), axis=1)

        return _added(of, student, teacher)

    def _relation(self, x):
        """Products of `(batch, heads, time, head_dim)` among themselves, scaled: `(batch, heads, time, time)`."""
        if self.heads is not None:
            width, time = x.shape[1] * x.shape[3], ops.shape(x)[2]
            x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, time, self.heads, width // self.heads))
            x = ops.transpose(x, (0, 2, 1, 3))
        # Scaled after: of a factor that is scaled before, and read from a cache, TensorFlow 2.21's rewriting of graphs
        # makes a product that fails with "In[0] ndims must be >= 2".
        return ops.matmul(x, ops.transpose(x, (0, 1, 3, 2))) * x.shape[-1] ** -0.5


class SoftLabels(Comparison):
    """What the teacher answers, as the labels of the student. Hinton et al. 2015, https://arxiv.org/abs/1503.02531.

    The divergence of the student's probabilities from the teacher's, both at a temperature, times its square: the
    cross-entropy with the teacher's probabilities, less their entropy, which has no gradient.

    Args:
        output: the name of the logits in both, or a pair of names, the student's and the teacher's.
        kind: what logits are: `"labels"`, of which one is true, on the last axis; `"several"`, each true or not by
            itself; `"places"`, `(batch, time)`, of which one is true; `"number"`, compared by the squared difference.
        temperature: what logits are divided by.
        weight: of the loss.
        name: of the loss.
        counted: the name in a batch of what each answer counts; None for that of the output's labels.
    """

    def __init__(self, output="logits", kind="labels", temperature=1.0, weight=1.0, name=None, counted=None):
        pair = (output, output) if isinstance(output, str) else tuple(output)
        super().__init__([pair], weight, name or f"soft_{pair[0]}")
        if kind not in ("labels", "several", "places", "number"):
            raise InputError(f'Received kind={kind!r}; expected "labels", "several", "places" or "number".')
        self.kind, self.temperature, self.counted = kind, temperature, counted or f"{pair[0]}_weights"

    def make(self, student_shapes, teacher_shapes):
        return _same_width(self, student_shapes, teacher_shapes)

    def compare(self, student, teacher, padding_mask, layers):
        (ours,), (theirs,) = student, teacher
        if self.kind == "number":
            return ops.mean(ops.square(ours - theirs), axis=-1)
        ours, theirs = ours / self.temperature, theirs / self.temperature
        if self.kind == "several":
            chance = ops.sigmoid(theirs)
            yes = ops.log_sigmoid(theirs) - ops.log_sigmoid(ours)
            no = ops.log_sigmoid(-theirs) - ops.log_sigmoid(-ours)
            found = ops.mean(chance * yes + (1.0 - chance) * no, axis=-1)
        elif self.kind == "places":
            grid = [ops.expand_dims(ops.expand_dims(x, 1), 1) for x in (ours, theirs)]
            found = _divergence(*grid, padding_mask)[:, 0, 0]
        else:
            found = _kl(ops.log_softmax(theirs), ops.log_softmax(ours))
        return found * self.temperature**2

    def weights(self, batch):
        return batch[self.counted]


class Labels(Comparison):
    """The loss of a task, on its own labels.

    Args:
        loss: a `keras.losses.Loss`, or a function of labels and logits to one number each.
        output: the name of the student's logits; labels and their weights stand in a batch as `OUTPUT_labels` and
            `OUTPUT_weights`.
        weight: of the loss.
        name: of the loss.
        labels, counted: names of these in a batch, where they are others.
    """

    def __init__(self, loss, output="logits", weight=1.0, name=None, labels=None, counted=None):
        super().__init__([(output, None)], weight, name or f"labels_{output}")
        self.loss = loss.call if isinstance(loss, keras.losses.Loss) else loss
        self.labels, self.counted = labels or f"{output}_labels", counted or f"{output}_weights"

    def keys(self, student, teacher):
        _check(self, "student", student, [self.pairs[0][0]])
        return [self.pairs[0][0]], []

    def build(self, student, teacher, inputs):
        return student[0]

    def losses(self, output, batch):
        return self.loss(batch[self.labels], ops.cast(output, "float32"))

    def weights(self, batch):
        return batch[self.counted]


def _check(loss, whose, traced, keys):
    for key in keys:
        if key not in traced.tensors:
            raise InputError(
                f"{loss.name} reads {key} of the {whose}, which has {traced.num_blocks} blocks and no such tensor."
            )


def _added(of, student, teacher):
    return sum(of(ours, theirs) for ours, theirs in zip(student, teacher, strict=True))


def _kl(theirs, ours):
    """The divergence of log-probabilities from others, along the last axis."""
    return ops.sum(ops.exp(theirs) * (theirs - ours), axis=-1)


def _divergence(ours, theirs, padding_mask):
    """The divergence of the softmax of scores `(batch, heads, queries, keys)` from that of others, over real keys."""
    bias = padding_bias(padding_mask)
    return _kl(ops.log_softmax(theirs + bias), ops.log_softmax(ours + bias))


def _normalized(x):
    mean, variance = ops.mean(x, axis=-1, keepdims=True), ops.var(x, axis=-1, keepdims=True)
    return (x - mean) * ops.rsqrt(variance + EPSILON)


def _known_projection(projection):
    if projection not in (None, "shared", "each"):
        raise InputError(f'Received projection={projection!r}; expected None, "shared" or "each".')
    return projection


def _projections(loss, student_shapes, teacher_shapes):
    """Dense layers from the student's widths to the teacher's: one, one a pair, or none."""
    if loss.projection is None:
        return _same_width(loss, student_shapes, teacher_shapes)
    if loss.projection == "shared":
        for whose, shapes in (("student", student_shapes), ("teacher", teacher_shapes)):
            if len({shape[-1] for shape in shapes}) > 1:
                widths = ", ".join(str(shape[-1]) for shape in shapes)
                raise InputError(
                    f"{loss.name} has one projection for all pairs, and what it compares of the {whose} is {widths} "
                    'wide; expected one width, or projection="each".'
                )
        student_shapes, teacher_shapes = student_shapes[:1], teacher_shapes[:1]
    layers = []
    for i, (ours, theirs) in enumerate(zip(student_shapes, teacher_shapes, strict=True)):
        layers.append(dense(theirs[-1], f"projection_{i}"))
        # As the comparison; of the policy in force it would round what is compared.
        layers[-1].dtype_policy = "float32"
        layers[-1].build(ours)
    return layers


def _projected(student, layers):
    if not layers:
        return student
    layers = layers * len(student) if len(layers) == 1 else layers
    return [layer(x) for layer, x in zip(layers, student, strict=True)]


def _same_width(loss, student_shapes, teacher_shapes):
    for ours, theirs in zip(student_shapes, teacher_shapes, strict=True):
        if ours[-1] != theirs[-1]:
            raise InputError(
                f"{loss.name} compares what is {ours[-1]} wide in the student with {theirs[-1]} in the teacher; "
                "expected the same, or a projection where there is one."
            )
    return []


def _same_heads(loss, student_shapes, teacher_shapes):
    for ours, theirs in zip(student_shapes, teacher_shapes, strict=True):
        if ours[1] != theirs[1]:
            raise InputError(
                f"{loss.name} compares heads one by one; the student has {ours[1]}, the teacher {theirs[1]}. Give the "
                "student as many, or use the relations of minilm_v2."
            )
    return []


def _snake_case(name):
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
