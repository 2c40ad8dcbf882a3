"""Permutation LM: who reads whom, the loss against numpy, no leak, and memory of a row's segments before."""

import keras
import numpy as np
import pytest
from keras import ops
from safetensors.numpy import load_file

from keras_bert_suite import Bert, Encoder, InputError
from keras_bert_suite.encoders import XLNet
from keras_bert_suite.objectives import PermutationLM, attach
from keras_bert_suite.objectives.permutation_lm import Segment

VOCABULARY, ROWS, TIME, PREDICTIONS = 40, 6, 12, 4
SMALL = {
    "vocab_size": VOCABULARY,
    "dim": 16,
    "num_layers": 2,
    "num_heads": 2,
    "feed_forward_dim": 32,
    "dropout": 0.0,
}


def batch_of(segments=1, seed=0):
    """Rows of which the first places and the last are real; a prediction of each row has no target."""
    rng, length = np.random.default_rng(seed), TIME // segments
    order, positions = np.full((ROWS, TIME), -1), np.full((ROWS, PREDICTIONS), -1)
    for row in range(ROWS):
        for number in range(segments):
            begin, size = number * length, PREDICTIONS // segments
            places = begin + np.sort(rng.permutation(length - 2)[:size])
            if number == segments - 1:
                places = places[:-1]
            order[row, places] = rng.permutation(length)[: len(places)]
            positions[row, number * size :][: len(places)] = places
    ids = rng.integers(5, VOCABULARY, (ROWS, TIME))
    batch = {
        "token_ids": ids,
        "padding_mask": np.arange(TIME) < rng.integers(TIME - 1, TIME + 1, (ROWS, 1)),
        "segment_ids": np.arange(TIME) > rng.integers(2, TIME, (ROWS, 1)),
        "permutation_order": order,
        "target_positions": positions,
        "target_ids": np.where(positions < 0, 0, np.take_along_axis(ids, np.maximum(positions, 0), 1)),
    }
    batch = {name: array.astype("int32") for name, array in batch.items()}
    return {**batch, "target_weights": (positions >= 0).astype("float32")}


def model_of(segments=1, seed=2, **more):
    keras.utils.set_random_seed(seed)
    encoder = XLNet(**SMALL)
    # Far from the small initial weights, of which a softmax is nearly even.
    for variable in encoder.weights:
        if "norm" not in variable.path:
            variable.assign(variable * 10.0)
    return attach(encoder, [PermutationLM(segments=segments, **more)])


def logits_of(model, batch):
    return np.asarray(model({name: batch[name] for name in model.input})["permutation_lm"])


def slow_masks(order, positions, begin):
    """What the two streams are told of one segment, row by row and pair by pair."""
    rows, time = order.shape
    hidden, mapping = np.zeros((rows, time, time), "int32"), np.zeros((rows, positions.shape[1], time), "float32")
    for row in range(rows):
        for i in range(time):
            for j in range(time):
                chosen, reader = order[row, j] >= 0, order[row, i] >= 0
                hidden[row, i, j] = chosen and not (reader and order[row, j] < order[row, i])
        for number, place in enumerate(positions[row]):
            if place >= 0:
                mapping[row, number, place - begin] = 1
    return hidden, mapping


@pytest.mark.parametrize("segments", [1, 2])
def test_what_a_segment_reads(segments):
    batch, length, size = batch_of(segments), TIME // segments, PREDICTIONS // segments
    for number in range(segments):
        inputs = {name: batch[name] for name in ("token_ids", "segment_ids", "padding_mask", "permutation_order")}
        found = Segment(number, segments)(**inputs, target_positions=batch["target_positions"])
        places = slice(number * length, (number + 1) * length)
        hidden, mapping = slow_masks(
            batch["permutation_order"][:, places],
            batch["target_positions"][:, number * size : (number + 1) * size],
            number * length,
        )
        assert (np.asarray(found["permutation_mask"]) == hidden).all()
        assert (np.asarray(found["target_mapping"]) == mapping).all()
        for name in ("token_ids", "segment_ids", "padding_mask"):
            assert (np.asarray(found[name]) == batch[name][:, places]).all()


def test_the_loss_is_that_of_the_reference(shared):
    """Of transformers, one segment; its random order is one of chosen pieces before which all others stand."""
    folder = shared / "reference/xlnet"
    inputs, expected = (dict(np.load(folder / f"{name}_two_stream.npz")) for name in ("inputs", "expected"))
    model = attach(Encoder.from_preset(folder), [PermutationLM()])
    model.get_layer("permutation_lm").bias.assign(load_file(folder / "model.safetensors")["lm_loss.bias"])
    places, hidden = inputs["target_mapping"].argmax(-1), inputs["perm_mask"]
    order = np.full(hidden.shape[:2], -1)
    # A chosen place reads those of the chosen ones that are before it.
    np.put_along_axis(order, places, np.take_along_axis((hidden == 0).sum(-1), places, 1), 1)
    batch = {
        "token_ids": inputs["input_ids"],
        "segment_ids": inputs["token_type_ids"],
        "padding_mask": inputs["attention_mask"],
        "permutation_order": order.astype("int32"),
        "target_positions": places.astype("int32"),
        "target_ids": inputs["labels"],
        "target_weights": np.ones_like(inputs["labels"], "float32"),
    }
    logits = logits_of(model, batch)
    # Both sides compute in float32 here.
    assert np.abs(logits - expected["two_stream_logits"]).max() < 1e-5
    loss = float(model.total(model.sums({"permutation_lm": logits}, batch, model.totals(batch))))
    assert abs(loss - float(expected["two_stream_loss"])) < 1e-5


@pytest.mark.parametrize("memory_length", [384, 3])
def test_the_loss_is_what_numpy_makes_of_the_two_streams(memory_length):
    """Of `XLNet.two_streams`, which is compared with an independent implementation in tests/encoders."""
    segments = 2
    model, batch = model_of(segments, memory_length=memory_length), batch_of(segments)
    streams = model.encoder.two_streams(memory_length)
    length, size = TIME // segments, PREDICTIONS // segments
    memories, states = [np.zeros((ROWS, 0, 16), "float32")] * 2, []
    for number in range(segments):
        places = slice(number * length, (number + 1) * length)
        hidden, mapping = slow_masks(
            batch["permutation_order"][:, places],
            batch["target_positions"][:, number * size : (number + 1) * size],
            number * length,
        )
        read = {name: batch[name][:, places] for name in ("token_ids", "segment_ids", "padding_mask")}
        found = streams({**read, "permutation_mask": hidden, "target_mapping": mapping, "memories": memories})
        memories = [np.asarray(memory) for memory in found["memories"]]
        states.append(np.asarray(found["query_output"]))
    states, head = np.concatenate(states, 1).astype("float64"), model.get_layer("permutation_lm")
    logits = states @ np.asarray(model.encoder.embeddings.token.embeddings, "float64").T + np.asarray(head.bias)
    chances = np.exp(logits - logits.max(-1, keepdims=True))
    chances /= chances.sum(-1, keepdims=True)
    losses = -np.log(np.take_along_axis(chances, batch["target_ids"][..., None], -1)[..., 0])
    expected = (losses * batch["target_weights"]).sum() / batch["target_weights"].sum()
    parts = model.sums({"permutation_lm": logits_of(model, batch)}, batch, model.totals(batch))
    # float32 against float64, of logits of some tens.
    assert float(model.total(parts)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("segments", [1, 2])
def test_a_prediction_reads_neither_itself_nor_what_comes_after_it(segments):
    model, batch = model_of(segments), batch_of(segments)
    before, length = logits_of(model, batch), TIME // segments
    order, positions = batch["permutation_order"], batch["target_positions"]
    for target in range(PREDICTIONS - 1):
        ids = batch["token_ids"].copy()
        rows = np.arange(ROWS)
        place = positions[rows, target]
        ids[rows, place] = (ids[rows, place] - 4) % (VOCABULARY - 5) + 5
        changed = np.abs(logits_of(model, {**batch, "token_ids": ids}) - before).max(-1)
        for row in range(ROWS):
            for other in np.flatnonzero(positions[row] >= 0):
                segment, own = positions[row, other] // length, place[row] // length
                later = order[row, positions[row, other]] > order[row, place[row]]
                if segment > own or segment == own and later:
                    assert changed[row, other] > 1e-4
                else:
                    # The same numbers; nothing of the changed piece is in them but what rounds to nothing.
                    assert changed[row, other] < 1e-5


def gradients(model, function):
    """The gradient of a function of no argument for each variable of a model that it reads; on TensorFlow."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = function()
    return tape.gradient(loss, [variable.value for variable in model.trainable_variables])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes gradients through TensorFlow")
@pytest.mark.parametrize("segments", [1, 2])
def test_every_variable_has_a_gradient(segments):
    model, batch = model_of(segments), batch_of(segments)
    inputs = {name: batch[name] for name in model.input}
    found = gradients(model, lambda: model.total(model.sums(model(inputs), batch, model.totals(batch))))
    for variable, gradient in zip(model.trainable_variables, found, strict=True):
        assert gradient is not None and np.abs(ops.convert_to_numpy(gradient)).max() > 0, variable.path


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes gradients through TensorFlow")
def test_memory_is_read_and_no_gradient_goes_there():
    model, batch = model_of(2), batch_of(2)
    # Each half has pieces of its own.
    half = (VOCABULARY - 5) // 2
    ids = (batch["token_ids"] - 5) % half + 5 + half * (np.arange(TIME) >= TIME // 2)
    inputs = {**{name: batch[name] for name in model.input}, "token_ids": ids.astype("int32")}
    queries = keras.Model(model.input, model.get_layer("queries").output)
    second = PREDICTIONS // 2
    table = [variable.path for variable in model.trainable_variables].index("embeddings/token/embeddings")
    first, last = slice(5, 5 + half), slice(5 + half, None)
    for part, read, unread in ((slice(0, second), first, last), (slice(second, None), last, first)):
        # The sum of squares: the sum of what a norm gives is constant.
        found = gradients(model, lambda part=part: ops.sum(queries(inputs)[:, part, :3] ** 2))[table]
        found = np.abs(ops.convert_to_numpy(found))
        assert found[read].max() > 1e-3 and found[unread].max() == 0
    changed = {**inputs, "token_ids": np.where(np.arange(TIME) == 3, 39, inputs["token_ids"])}
    assert np.abs(queries(changed) - queries(inputs))[:, second].min(-1).max() > 1e-4


def counting(segments):
    """Rows that count upwards from anywhere: a piece follows from any other."""
    batch = batch_of(segments)
    rng = np.random.default_rng(3)
    ids = (rng.integers(0, 10, (ROWS, 1)) + np.arange(TIME)) % 10 + 5
    positions = batch["target_positions"]
    labels = np.where(positions < 0, 0, np.take_along_axis(ids, np.maximum(positions, 0), 1))
    return {**batch, "token_ids": ids.astype("int32"), "target_ids": labels.astype("int32")}


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="a part of make test-jax")
def test_learns_by_keras_own_step():
    keras.utils.set_random_seed(2)
    model, batch = attach(XLNet(**SMALL), [PermutationLM(segments=2)]), counting(2)
    model.compile(keras.optimizers.Adam(1e-2))
    x, y = {name: batch[name] for name in model.input}, {k: v for k, v in batch.items() if k not in model.input}
    history = model.fit(x, y, batch_size=ROWS, epochs=60, verbose=0, shuffle=False).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]


def test_learns_by_fit():
    tf = pytest.importorskip("tensorflow")
    keras.utils.set_random_seed(2)
    model = attach(XLNet(**SMALL), [PermutationLM(segments=2)])
    model.compile(keras.optimizers.Adam(1e-2))
    data = tf.data.Dataset.from_tensors(counting(2)).repeat()
    history = model.fit(data, steps_per_epoch=20, epochs=3, verbose=0, shuffle=False).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (lambda: Bert(**{**SMALL, "max_length": TIME}), "reads two streams, which Bert lacks; expected XLNet"),
        (lambda: XLNet(**SMALL, two_directions=True), "expected an encoder with two_directions=False"),
    ],
)
def test_other_encoders_are_refused(encoder, message):
    with pytest.raises(InputError, match=message):
        attach(encoder(), [PermutationLM()])
