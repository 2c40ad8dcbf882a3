"""Operations of products: BERT-base by hand, XLA's and TensorFlow's own counts, and every family."""

import pytest
import tensorflow as tf

from keras_bert_suite import Bert, Encoder, flops
from keras_bert_suite.encoders.early_exit import EarlyExit
from keras_bert_suite.objectives import MaskedLM, NextSentence, attach
from tests.checks import GOLDEN, golden


def shapes(model, rows, length):
    return {name: (rows, length) for name in model.input}


def test_bert_base_is_what_a_hand_computes():
    encoder = Bert()
    for length, total in ((128, 22_348_431_360), (512, 96_637_943_808)):
        # Four dense layers of attention and two of the feed-forward part; queries by keys, probabilities by values;
        # the pooler.
        dense, attention = 4 * 768**2 + 2 * 768 * 3072, 2 * length * 768
        assert total == 2 * (12 * length * (dense + attention) + 768**2)
        assert flops.forward(encoder, shapes(encoder, 1, length)) == total


def test_chosen_places_alone_have_a_vocabulary_product():
    model = attach(
        Bert(50, dim=16, num_layers=1, num_heads=2, feed_forward_dim=32, max_length=8), [MaskedLM(), NextSentence()]
    )
    one = flops.forward(model, {**shapes(model, 3, 8), "masked_positions": (3, 1)})
    two = flops.forward(model, {**shapes(model, 3, 8), "masked_positions": (3, 2)})
    assert two - one == 3 * 2 * (16 * 16 + 16 * 50)
    encoder = flops.forward(model.encoder, shapes(model.encoder, 3, 8))
    assert one == encoder + two - one + 3 * 2 * 16 * 2


def test_stages_are_the_parts_of_the_whole():
    encoder = Bert(50, dim=16, num_layers=3, num_heads=2, feed_forward_dim=32, max_length=8)
    model = EarlyExit(encoder, units=3, dim=8)
    blocks, classifiers = zip(*flops.of_stages(model.stages(), 8), strict=True)
    # The pooler is of no stage.
    assert sum(blocks) + sum(classifiers) == flops.forward(model, shapes(model, 1, 8)) - 2 * 16**2
    assert sum(blocks) == flops.forward(encoder, shapes(encoder, 1, 8)) - 2 * 16**2
    # To 8, queries, keys, values and what is attended, products of queries, of probabilities; then one token.
    assert set(classifiers) == {2 * (8 * 16 * 8 + 4 * 8 * 8 * 8 + 2 * 8 * 8 * 8 + 8 * 8 + 8 * 3)}


def test_tensorflow_counts_the_same():
    encoder = Bert(50, dim=64, num_layers=2, num_heads=2, feed_forward_dim=128, max_length=16)
    specs = {name: tf.TensorSpec((2, 16), tf.int32) for name in encoder.input}
    graph = tf.function(lambda x: encoder(x, training=False)).get_concrete_function(specs).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    found = tf.compat.v1.profiler.profile(graph, options={**options, "output": "none"}).total_float_ops
    ours = flops.forward(encoder, shapes(encoder, 2, 16))
    # It counts biases, norms and softmax too, which are more of a narrow model than of a wide one.
    assert ours < found < 1.1 * ours


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.npz")))
def test_every_family_is_counted_and_grows_with_its_rows(name, tmp_path):
    golden(name, tmp_path)
    encoder = Encoder.from_preset(tmp_path, load_weights=False)
    one, two = (flops.forward(encoder, shapes(encoder, rows, 16)) for rows in (2, 4))
    # Tables of relative positions are multiplied once, whatever the rows.
    assert 1.5 * one < two <= 2 * one
