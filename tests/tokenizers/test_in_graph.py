"""The tokenizer in a graph gives what the host's gives: ids, offsets, words, rows, windows."""

import functools
import json

import numpy as np
import pytest
import tokenizers

from keras_bert_suite import InputError, Tokenizer
from tests.tokenizers.models import NORMAL, UNKNOWN, USER_DEFINED, write_bpe, write_config, write_model
from tests.tokenizers.test_byte_bpe import MERGES, ROBERTA
from tests.tokenizers.test_sentencepiece import BPE, DEBERTA, FAIRSEQ, UNIGRAM, XLNET, plain
from tests.tokenizers.test_tokenizer import PIECES, ROWS

tf = pytest.importorskip("tensorflow")
pytest.importorskip("tensorflow_text")

from keras_bert_suite.tokenizers.in_graph import InGraphTokenizer  # noqa: E402

SENTENCEPIECE = ["albert", "xlnet", "plain albert", "plain xlnet", "plain tiny-tftext-oss"]
ODD = [
    "",
    "a",
    "😀😀👍🏽",
    "  ",
    "e\u0301 x\u0301 \u0301",
    "\r\n a\r\nb",
    "[MASK] a [MASK]b  <mask> \t<mask>[SEP]",
    "``a'' '''b",
    "\x00 a \x00",
    " a  b ",
    "\ufdd0 a\ufdd1b \U0010ffff",
    "▁a▁▁b ▁",
    "a" * 101 + " " + "é" * 100,
]


@functools.cache
def tokenizer_of(shared, name, folder=None, **settings):
    if name.startswith("plain "):
        return plain(shared, name.removeprefix("plain "), folder)[0]
    return Tokenizer.from_preset(shared / "vocab" / name, **settings)


def constant(texts):
    return tf.constant([text.encode("utf-8", "replace") for text in texts], tf.string)


def differing(tokenizer, texts):
    """The places of the texts that the graph cuts otherwise than the host."""
    serve = tf.function(InGraphTokenizer(tokenizer).inputs, input_signature=[tf.TensorSpec([None], tf.string)])
    found = {name: value.numpy() for name, value in serve(constant(texts)).items()}
    wrong = set()
    for i, expected in enumerate(tokenizer.encode_batch(texts)):
        real = found["padding_mask"][i] == 1
        ids, starts, ends, words = (found[name][i][real].tolist() for name in ("token_ids", "starts", "ends", "words"))
        words = [None if word < 0 else word for word in words]
        same = (ids, list(zip(starts, ends, strict=True)), words)
        if same != (expected.ids, expected.offsets, expected.words):
            wrong.add(i)
    return wrong


@pytest.mark.parametrize(("reference", "vocabulary", "settings"), ROWS, ids=[row[0] for row in ROWS])
def test_word_pieces_equal_the_hosts(reference, vocabulary, settings, shared):
    strings = json.loads((shared / "reference_tokenizers/strings.json").read_text())
    tokenizer = tokenizer_of(shared, vocabulary, **settings)
    assert differing(tokenizer, strings["strings"] + ODD) == set()
    check_pairs(tokenizer, strings["pairs"])


@pytest.mark.parametrize("name", SENTENCEPIECE)
def test_sentence_pieces_equal_the_hosts(name, shared, tmp_path):
    strings = json.loads((shared / "reference_tokenizers/strings.json").read_text())
    tokenizer = tokenizer_of(shared, name, tmp_path)
    assert differing(tokenizer, strings["strings"] + ODD) == set()
    check_pairs(tokenizer, strings["pairs"])


def check_pairs(tokenizer, pairs):
    graph = InGraphTokenizer(tokenizer)
    texts, others = (list(group) for group in zip(*pairs, strict=True))
    for max_length in (5, 8, 24, 33, None):
        found = graph.inputs(constant(texts), constant(others), max_length)
        expected = tokenizer.encode_batch(texts, others, max_length)
        for name, array in tokenizer.arrays(expected).items():
            np.testing.assert_array_equal(found[name], array)
        assert found["truncated"].numpy().tolist() == [one.truncated for one in expected]


def small(kind, folder):
    if kind == "wordpiece":
        return Tokenizer(PIECES)
    if kind == "wordpiece, as it is":
        return Tokenizer(PIECES, False, False, False, 5, ["hello"])
    pieces = {"AlbertTokenizer": UNIGRAM, "XLNetTokenizer": XLNET, "DebertaV2Tokenizer": DEBERTA}.get(kind, FAIRSEQ)
    unknown = next(i for i, piece in enumerate(pieces) if piece[2] == UNKNOWN)
    write_model(folder / "any.model", pieces, unknown_id=unknown)
    write_config(folder, tokenizer_class=kind, split_by_punct=kind == "DebertaV2Tokenizer")
    return Tokenizer.from_preset(folder)


KINDS = ["wordpiece", "wordpiece, as it is", "AlbertTokenizer", "XLNetTokenizer", "DebertaV2Tokenizer"]
KINDS += ["XLMRobertaTokenizer", "CamembertTokenizer"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(kind, tmp_path):
    texts = [*ODD, "Hello, wörld! a 9,9 中文 [CLS]", "cafe Cafe\u0301 café B", "HELLO hello wor world"]
    tokenizer = small(kind, tmp_path)
    assert differing(tokenizer, texts) == set()
    check_pairs(tokenizer, [(text, text[::-1] * 3) for text in texts])
    # As a folder has it: `tokenizer.json` alone.
    assert differing(Tokenizer.from_files(tokenizer.files()), texts) == set()


@pytest.mark.parametrize("kind", ["wordpiece", "XLNetTokenizer"])
@pytest.mark.parametrize(("max_length", "stride"), [(8, 2), (9, 0), (16, 11)])
def test_windows_are_the_librarys(kind, max_length, stride, tmp_path):
    tokenizer = small(kind, tmp_path)
    graph, texts = InGraphTokenizer(tokenizer), ["a b " * 20, "", "a", "b a b a b", "😀 " * 9]
    for pairs, strategy in ((None, "longest_first"), (texts, "only_second")):
        engine = tokenizers.Tokenizer.from_str(tokenizer.files()["tokenizer.json"])
        firsts = texts if pairs is None else ["a"] * len(texts)
        if pairs is not None and stride > max_length - 6:
            continue
        engine.enable_truncation(max_length, stride=stride, strategy=strategy)
        found = graph.windows(constant(firsts), None if pairs is None else constant(pairs), max_length, stride)
        expected = []
        for i, text in enumerate(firsts):
            one = engine.encode(text) if pairs is None else engine.encode(text, pairs[i])
            expected += [(i, row.ids, row.type_ids) for row in (one, *one.overflowing)]
        real = found["padding_mask"].numpy() == 1
        rows = [
            (int(text), ids[mask].tolist(), segments[mask].tolist())
            for text, ids, segments, mask in zip(
                found["text"], found["token_ids"].numpy(), found["segment_ids"].numpy(), real, strict=True
            )
        ]
        assert rows == expected
        assert not found["truncated"].numpy().any()


def test_a_first_text_without_room_for_the_second_is_cut():
    found = InGraphTokenizer(Tokenizer(PIECES)).windows(constant(["a " * 50, "a"]), constant(["b b b", "b"]), 8, 1)
    assert found["text"].numpy().tolist() == [0, 0, 1]
    assert found["truncated"].numpy().tolist() == [True, True, False]
    np.testing.assert_array_equal(found["token_ids"][1], [2, 9, 9, 9, 3, 10, 10, 3])


def test_a_megabyte_and_no_text_at_all():
    tokenizer = Tokenizer(PIECES)
    graph = InGraphTokenizer(tokenizer)
    for text in ("hello, wor " * 95_000, "é" * 500_000):
        found = graph.inputs(constant([text, "a"]))
        assert found["token_ids"][0].numpy().tolist() == tokenizer.encode(text).ids
    assert graph.inputs(constant([]))["token_ids"].shape == (0, 0)
    assert graph.windows(constant([]), max_length=8, stride=1)["token_ids"].shape == (0, 0)


def test_bytes_that_are_no_text_count_as_the_replacement_character():
    graph = InGraphTokenizer(Tokenizer(PIECES))
    assert graph.inputs(tf.constant([b"a\xff b"]))["token_ids"].numpy().tolist() == [[2, 9, 10, 3]]


@pytest.mark.parametrize(
    ("pieces", "kind", "flags", "message"),
    [
        (BPE, 2, {"byte_fallback": 1, "strip": 0}, "kind BPE with bytes; in a graph"),
        ([("<unk>", 0.0, UNKNOWN), ("▁a", -1.0, NORMAL)], 3, {}, "kind WordLevel"),
        ([("<unk>", 0.0, UNKNOWN), ("▁a", -1.0, NORMAL)], 1, {"prefix": 0}, "cuts words by .*never"),
        ([*UNIGRAM, ("\ufdd1", -1.0, NORMAL)], 1, {"unknown_id": 1}, "of what is no character"),
        ([*BPE[:1], ("<n>", 0.0, USER_DEFINED), ("b", -1.0, NORMAL)], 2, {}, "kind BPE; in a graph"),
    ],
)
def test_what_a_graph_cannot_do_is_refused(pieces, kind, flags, message, tmp_path):
    write_model(tmp_path / "any.model", pieces, kind=kind, **flags)
    with pytest.raises(InputError, match=message) as caught:
        InGraphTokenizer(Tokenizer.from_preset(tmp_path))
    assert "\n" not in str(caught.value)


def test_bytes_are_refused(tmp_path):
    write_bpe(tmp_path, ROBERTA, MERGES)
    with pytest.raises(InputError, match="kind byte_bpe; a graph has wordpiece and sentencepiece"):
        InGraphTokenizer(Tokenizer.from_preset(tmp_path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda engine: engine.add_tokens([tokenizers.AddedToken("x", single_word=True)]), "'x' .*single_word=True"),
        (lambda engine: engine.add_special_tokens(["ab", "bc"]), "'ab' and 'bc' in a text, which may overlap"),
        (lambda engine: setattr(engine, "normalizer", tokenizers.normalizers.NFC()), '"NFC".*cannot be had'),
    ],
)
def test_a_tokenizer_json_of_another_make_is_refused(change, message, tmp_path):
    engine = tokenizers.Tokenizer.from_str(small("XLMRobertaTokenizer", tmp_path).files()["tokenizer.json"])
    change(engine)
    tokenizer = Tokenizer.from_files({"tokenizer.json": engine.to_str()})
    with pytest.raises(InputError, match=message):
        InGraphTokenizer(tokenizer)


@pytest.mark.parametrize(("max_length", "stride", "message"), [(2, 0, "max_length=2"), (8, 6, "stride=6 .* 0 to 5")])
def test_lengths_without_room_are_named(max_length, stride, message):
    with pytest.raises(InputError, match=message):
        InGraphTokenizer(Tokenizer(PIECES)).windows(constant(["a"]), None, max_length, stride)
