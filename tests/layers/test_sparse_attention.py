"""Attention over windows and global tokens is dense attention under the same mask, and reaches 4,096 tokens."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_bert_suite.encoders import Encoder
from keras_bert_suite.layers import Embeddings, EncoderBlock, FeedForward, SparseAttention, masked_softmax, merge_heads
from tests.checks import difference


def dense(found, mask, window, num_global):
    """The same attention with every score computed."""
    time = mask.shape[1]
    place = np.arange(time)
    near = np.abs(place[:, None] - place[None]) <= window
    allowed = (near | (place < num_global)[:, None] | (place < num_global)[None]) * mask[:, None]
    query, key, value = (np.asarray(found[name]) for name in ("query", "key", "value"))
    scores = query @ key.transpose(0, 1, 3, 2) * query.shape[-1] ** -0.5
    return merge_heads(ops.matmul(masked_softmax(ops.convert_to_tensor(scores), allowed), value))


@pytest.mark.parametrize(
    ("time", "window", "num_global"), [(24, 4, 1), (23, 5, 3), (7, 8, 0), (16, 16, 16), (3, 4, 2)]
)
def test_equals_dense_attention(time, window, num_global):
    keras.utils.set_random_seed(0)
    layer = SparseAttention(2, window, num_global)
    x = np.random.default_rng(0).normal(size=(2, time, 8)).astype("float32") * 3
    mask = (np.arange(time) < np.array([[time], [max(num_global, time - 2, 1)]])).astype("int32")
    found = layer(x, padding_mask=mask)
    expected = layer.output_dense(dense(found, mask, window, num_global))
    # 1e-5: float32 rounding, summed in another order.
    assert difference(found["output"], expected, mask) < 1e-5


def test_an_encoder_of_4096_tokens_trains():
    blocks = [
        EncoderBlock(SparseAttention(2, 64, name="attention"), FeedForward(32, name="feed_forward"), name=f"block_{i}")
        for i in range(2)
    ]
    encoder = Encoder(Embeddings(50, 16, 4096, name="embeddings"), blocks)
    model = keras.Model(encoder.input, keras.layers.Dense(1)(encoder.output["sequence_output"][:, 0]))
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    batch = {name: np.ones((1, 4096), "int32") for name in encoder.input}
    loss = model.fit(batch, np.full((1, 1), 9.0), epochs=2, verbose=0).history["loss"]
    assert loss[1] < loss[0]
