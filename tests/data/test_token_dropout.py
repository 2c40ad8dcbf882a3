"""Token dropout takes what it may, as often as it says, and the same again from the same seed."""

import numpy as np

from keras_bert_suite import Tokenizer
from keras_bert_suite.data.batches import training_batches
from keras_bert_suite.data.token_dropout import TokenDropout

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"play some jazz by the velvet otter ##s now".split()]
EXAMPLES = [{"text": "play velvet otters now", "entities": [(5, 18, "artist")]}, {"text": "play some jazz"}]


def dropout(token_dropout, entity_dropout):
    tokenizer = Tokenizer(PIECES)
    encodings = tokenizer.encode_batch([example["text"] for example in EXAMPLES])
    rows = [[encoding] for encoding in encodings]
    return encodings, TokenDropout(tokenizer, EXAMPLES, rows, token_dropout, entity_dropout)


def test_rates_within_and_outside_entities():
    encodings, change = dropout(0.1, 0.6)
    features = {"token_ids": encodings[0].ids, "segment_ids": encodings[0].segment_ids}
    generator = np.random.default_rng(0)
    found = np.stack([change(0, [features], generator)[0]["token_ids"] for _ in range(4000)])
    # One draw in nine gives the piece that was there.
    expected = 8 / 9 * np.array([0, 0.1, 0.6, 0.6, 0.6, 0.1, 0])
    # 4 standard deviations of 4,000 draws are 0.031.
    np.testing.assert_allclose((found != encodings[0].ids).mean(axis=0), expected, atol=0.031)
    assert found[:, 1:-1].min() == 5 and found.max() == len(PIECES) - 1


def test_an_example_without_entities():
    encodings, change = dropout(0.0, 0.9)
    features = {"token_ids": encodings[1].ids}
    assert list(change(1, [features], np.random.default_rng(0))[0]["token_ids"]) == encodings[1].ids


def batches(seed, initial_epoch=0):
    encodings, change = dropout(0.5, 0.5)
    features = [[{"token_ids": encoding.ids}] for encoding in encodings]
    targets = [{"logits": (0, 1.0)}, {"logits": (1, 1.0)}]
    data = training_batches(features, targets, 1, seed, 3, initial_epoch, change=change)
    return [inputs["token_ids"].numpy().tolist() for inputs, _, _ in data]


def test_a_run_that_goes_on_sees_what_an_unbroken_one_sees():
    assert batches(4)[4:] == batches(4, initial_epoch=2)
    assert batches(4) != batches(5)
