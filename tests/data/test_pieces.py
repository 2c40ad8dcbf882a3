"""Many texts at once have the ids that the tokenizer gives one text."""

import numpy as np
import pytest

from keras_bert_suite import Tokenizer
from keras_bert_suite.data.pieces import Pieces

ODD = [
    "",
    "A [MASK]b [SEP] c<mask> <unk>x",
    "\u0301 foo \u0301bar",
    "a \u200db e\u0301 \u00c5ngstr\u00f6m \U0001f3fb x",
    "x\x1cy \x00z a\x7fb",
    "x" * 99,
    "x" * 100,
    "x" * 101,
    "\u4e16\u754cHello\uff0c\u4e16\u754c\u3002 \u0645\u0631\u062d\u0628\u0627 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    *(f"a{chr(code)}b" for code in range(33, 127)),
]


def check(tokenizer, texts):
    pieces = Pieces(tokenizer)
    # The second time words are remembered, and with others around them.
    for order in (texts, texts[::-1]):
        ids, counts = pieces(order)
        found = np.split(ids, np.cumsum(counts)[:-1])
        for text, row, whole in zip(order, found, tokenizer.encode_batch(order), strict=True):
            expected = [i for i, sequence in zip(whole.ids, whole.sequence_ids, strict=True) if sequence is not None]
            assert row.tolist() == expected, text
    assert ids.dtype == np.int32 and len(pieces([])[0]) == 0


def test_the_bundled_tokenizer():
    check(Tokenizer.from_preset("kbs_tiny_en"), ODD)


@pytest.mark.parametrize(
    "name", ["bert-base-multilingual-cased", "bert-base-chinese", "roberta", "albert", "xlnet", "axlearn-bpe-32k"]
)
def test_published_tokenizers(shared, name):
    paths = sorted((shared / "text/udhr_multilingual").glob("*.txt"))
    texts = [" ".join(line.split()) for path in paths for line in path.read_text(encoding="utf-8").splitlines()[:24]]
    check(Tokenizer.from_preset(shared / "vocab" / name), ODD + texts)
