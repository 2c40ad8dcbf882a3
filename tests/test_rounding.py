"""Layers that are rounded as the device will: what outliers cost, what training gives back, all that is wrapped."""

import keras
import numpy as np
import pytest

from keras_bert_suite import Bert, MobileBert, Tokenizer
from keras_bert_suite.rounding import Rounded, calibrated, fine_tune
from keras_bert_suite.tasks.classification import Classification
from keras_bert_suite.tasks.saved import TaskModel

WORDS = "a very good film and bad song not the is was left in paris anna".split()
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
SIZES = {"vocab_size": len(PIECES), "dim": 32, "num_layers": 2, "num_heads": 2, "max_length": 24}


def texts(count, seed=0):
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, random.integers(3, 12))) for _ in range(count)]


def made(encoder):
    for variable in encoder.trainable_variables:
        if variable.path.endswith("kernel"):
            variable.assign(variable + 0.2 * keras.random.normal(variable.shape, seed=keras.random.SeedGenerator(1)))
    task = Classification(["bad", "good"])
    return TaskModel(encoder, task.build(encoder, 0.0), task, Tokenizer(PIECES), 24)


def logits(model):
    encodings = [model.tokenizer.encode(text) for text in texts(32, seed=1)]
    return model.model.predict_on_batch(model.features(encodings, 24))["logits"]


@pytest.fixture
def bert():
    keras.utils.set_random_seed(2)
    return made(Bert(**SIZES, feed_forward_dim=64))


def encodings(model):
    return [model.tokenizer.encode(text) for text in texts(24)]


def test_rounding_keeps_the_answers_where_a_channel_is_large(bert):
    exact = logits(bert)
    # One channel of GELU's output a hundred times as large as the others, and its kernel's row so much smaller.
    for block in bert.encoder.blocks:
        kernel, bias = block.feed_forward.intermediate.kernel, block.feed_forward.intermediate.bias
        bias.assign(np.where(np.arange(64) == 3, 60.0, np.asarray(bias)).astype("float32"))
        kernel.assign(np.asarray(kernel) * np.where(np.arange(64) == 3, 0.1, 1.0))
        rows = block.feed_forward.output_dense.kernel
        rows.assign(np.asarray(rows) * np.where(np.arange(64) == 3, 0.02, 1.0)[:, None])
    changed = logits(bert)
    assert np.abs(changed - exact).max() > 1e-3
    rounded = calibrated(bert, encodings(bert))
    # 256 steps in what goes in and comes out of ten products: some hundredths of logits of order 1.
    assert np.abs(logits(rounded) - changed).max() < 0.05 * np.abs(changed).max() + 0.02
    # The same without scales: the large channel takes the steps of the others.
    for layer in rounded.model._flatten_layers():
        if isinstance(layer, Rounded) and layer.path.endswith("feed_forward/output"):
            reach = float(layer.input_scale[3] * layer.input_range[1])
            layer.input_scale.assign(np.ones(64))
            layer.input_range.assign([-1.0, max(reach, 60.0)])
    rounded.model.make_predict_function(force=True)
    plain = np.abs(logits(rounded) - changed).max()
    assert plain > 2 * np.abs(logits(calibrated(bert, encodings(bert))) - changed).max()


def test_every_dense_layer_and_table_is_wrapped(bert):
    rounded = calibrated(bert, encodings(bert))
    layers = list(rounded.model._flatten_layers())
    plain = {id(layer) for layer in layers if isinstance(layer, keras.layers.Dense | keras.layers.Embedding)}
    assert plain == {id(layer.layer) for layer in layers if isinstance(layer, Rounded)}
    # 2 blocks of 6, 3 tables, pooler, classifier
    assert len(plain) == 2 * 6 + 3 + 2
    # The model itself is as it was.
    assert not [layer for layer in bert.model._flatten_layers() if isinstance(layer, Rounded)]


def test_a_family_without_normalization_is_rounded_too():
    keras.utils.set_random_seed(2)
    sizes = {"embedding_dim": 16, "bottleneck_dim": 16, "feed_forward_dim": 32, "num_feed_forwards": 2}
    model = made(MobileBert(**SIZES, **sizes))
    exact = logits(model)
    assert np.abs(logits(calibrated(model, encodings(model))) - exact).max() < 0.1 * np.abs(exact).max() + 0.02


def test_training_with_rounding_learns_and_leaves_the_ranges(bert):
    examples = [{"text": text, "pair": None, "label": "good" if "good" in text else "bad"} for text in texts(64)]
    rounded = calibrated(bert, encodings(bert))
    ranges = {v.path: np.asarray(v) for v in rounded.model.weights if v.path.endswith(("_range", "_scale"))}
    inputs = [rounded.task.input(example) for example in examples]
    before = rounded.task.evaluate(examples, rounded.predict(inputs))["accuracy"]
    fine_tune(rounded, examples, epochs=8, learning_rate=3e-3, batch_size=16)
    assert rounded.task.evaluate(examples, rounded.predict(inputs))["accuracy"] > before
    assert all(np.array_equal(np.asarray(v), ranges[v.path]) for v in rounded.model.weights if v.path in ranges)
