"""Augmented examples: which words give way to which, that labels, tags and spans stay right, and seeds."""

import itertools
from collections import Counter

import keras
import numpy as np
import pytest

from keras_bert_suite import Bert, InputError, Tokenizer, heads
from keras_bert_suite.data import readers
from keras_bert_suite.distillation import augmentation
from keras_bert_suite.distillation.augmentation import Neighbours, augmented
from keras_bert_suite.tasks.masked_lm import MaskedLM
from keras_bert_suite.tokenizers import training

WORDS = "play some jazz by the velvet otter now and then in a small blue house of old songs".split()
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "##s", "##let", "7", "."]
SIZES = dict(dim=16, num_layers=1, num_heads=2, feed_forward_dim=24, max_length=40)
EXAMPLES = [
    {"text": "Play some jazz by the velvets now 7.", "pair": None, "label": "a"},
    {"text": "a small blue house", "pair": "old otters then.", "label": "b"},
    {"text": "7 .", "pair": None, "label": "a"},
]


def masked_lm(tokenizer):
    keras.utils.set_random_seed(0)
    encoder = Bert(tokenizer.vocab_size, **SIZES)
    rng = np.random.default_rng(0)
    for variable in encoder.weights:
        if "kernel" in variable.path or "embeddings" in variable.path:
            variable.assign(rng.normal(scale=0.3, size=variable.shape))
    return encoder, heads.attach(encoder, "masked_lm")


@pytest.fixture(scope="module")
def parts():
    tokenizer = Tokenizer(PIECES)
    encoder, model = masked_lm(tokenizer)
    return model, tokenizer, Neighbours.of_table(encoder.embeddings.token.embeddings, tokenizer)


def copies(parts, examples, **settings):
    return list(augmented(examples, *parts, **settings))


def test_examples_stay_and_copies_follow(parts):
    found = copies(parts, EXAMPLES, copies=5)
    assert [found[0], found[6], found[12]] == EXAMPLES and len(found) == 13
    for number, original in ((0, EXAMPLES[0]), (6, EXAMPLES[1])):
        own = found[number : number + 6]
        assert len({(example["text"], example["pair"]) for example in own}) == 6
        assert {example["label"] for example in own} == {original["label"]}
        for example in own:
            for key in ("text", "pair"):
                if original[key]:
                    ours, theirs = example[key].split(), original[key].split()
                    assert len(ours) == len(theirs) and ours[0][0].isupper() == theirs[0][0].isupper()
    assert all(example["text"].endswith(" 7.") for example in found[:6])
    assert any(example["pair"] != EXAMPLES[1]["pair"] for example in found[6:12])


def test_single_pieces_are_what_the_model_says(parts):
    model, tokenizer, _ = parts
    found = Counter()
    for example in copies(parts, [{"text": "some jazz now", "pair": None, "label": "a"}], copies=200, candidates=4)[
        1:
    ]:
        found.update(enumerate(example["text"].split()))
    for place in range(3):
        encoding = tokenizer.encode("some jazz now")
        ids = list(encoding.ids)
        ids[place + 1] = tokenizer.mask_id
        arrays = {**tokenizer.arrays([encoding]), "token_ids": np.array([ids], "int32")}
        logits = np.asarray(model(arrays)["logits"])[0, place + 1]
        likely = [PIECES[i] for i in np.argsort(-logits) if PIECES[i] in WORDS]
        own = "some jazz now".split()[place]
        assert {word for i, word in found if i == place} - {own} == set([w for w in likely if w != own][:4])


def test_the_model_of_a_task_serves_too(parts):
    _, tokenizer, _ = parts
    encoder, model = masked_lm(tokenizer)
    task = MaskedLM()
    task.take(tokenizer)
    other = task.build(encoder, 0.0)
    arrays = {variable.path: variable for variable in model.weights}
    for variable in other.weights:
        variable.assign(arrays[variable.path])
    found = [list(augmented(EXAMPLES, one, tokenizer, copies=3)) for one in (model, other)]
    assert found[0] == found[1]


def test_the_rate_of_replacement(parts):
    examples = [{"text": " ".join(WORDS), "pair": None, "label": "a"}] * 60
    found = copies(parts, examples, copies=1, probability=0.4)
    changed = [sum(a != b for a, b in zip(e["text"].split(), WORDS, strict=True)) for e in found[1::2]]
    # Four standard deviations of 60 x 18 draws are 0.06.
    assert np.mean(changed) / len(WORDS) == pytest.approx(0.4, abs=0.06)


def test_several_pieces_are_neighbours(parts):
    _, tokenizer, neighbours = parts
    table = np.asarray(neighbours._vectors)
    vector = neighbours._vector_of("otters")
    nearest = [list(neighbours._rows)[i] for i in np.argsort(-(table @ vector))[:3]]
    assert neighbours.nearest(["otters"], 3)[0] == nearest
    found = copies(parts, [{"text": "otters", "pair": None, "label": "a"}], copies=30, candidates=3, probability=1.0)
    assert {example["text"] for example in found} == {"otters", *nearest}
    assert "otter" not in neighbours.nearest(["otter"], 5)[0]


def test_a_file_of_vectors(parts, tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("cat 1 0 0.1\ndog 1 0.1 0\nhouse 0 1 0\n. 0 0 1\n")
    neighbours = Neighbours.of_file(path)
    assert neighbours.nearest(["Cat", "house", "zebra"], 1) == [["dog"], ["dog"], []]
    model, tokenizer, _ = parts
    example = {"text": "velvets", "pair": None, "label": "a"}
    assert list(augmented([example], model, tokenizer, neighbours)) == [example]
    path.write_text("cat 1 0 0.1\ndog 1\n")
    with pytest.raises(InputError, match="line 2 has 1 numbers; expected 3"):
        Neighbours.of_file(path)
    path.write_text("cat 1 0 x\n")
    with pytest.raises(InputError, match="line 1 is no word with numbers"):
        Neighbours.of_file(path)
    path.write_text("")
    with pytest.raises(InputError, match="holds no words"):
        Neighbours.of_file(path)
    with pytest.raises(InputError, match="cannot be read"):
        Neighbours.of_file(tmp_path / "none.txt")


@pytest.mark.parametrize("entities", [False, True])
def test_tags_stay_with_their_words(parts, entities):
    words = ["play", "velvet", "otters", "by", "the", "blue", "house", "."]
    example = readers.from_words(words, ["O", "B-artist", "I-artist", "O", "O", "B-album", "I-album", "O"])
    found = copies(parts, [example], copies=30, entities=entities)[1:]
    assert len(found) == 30
    names = set()
    for changed in found:
        text = changed["text"]
        assert [text[a:b] for a, b in changed["words"]] == text.split()
        spans = [(text[a:b], label) for a, b, label in changed["entities"]]
        cut = text.split()
        assert spans == [(" ".join(cut[1:3]), "artist"), (" ".join(cut[5:7]), "album")]
        names.add(spans[0])
    assert (len(names) > 1) == entities
    # An entity that is a part of a word: the word stays.
    part = {"text": "play velvet now", "words": None, "entities": [(5, 8, "artist")]}
    for changed in copies(parts, [part], copies=9, entities=True):
        a, b, _ = changed["entities"][0]
        assert changed["text"][a : b + 3] == "velvet" and changed["words"] is None


def test_seeds(parts):
    examples = EXAMPLES * 3
    first = copies(parts, examples, copies=3, seed=1)
    assert copies(parts, examples, copies=3, seed=1, batch_size=5) == first
    assert copies(parts, examples, copies=3, seed=2) != first
    # An example's copies do not depend on those before it.
    assert first[-5:] == copies(parts, EXAMPLES[1:], copies=3, seed=1, first=7)
    # The table of the model is what is taken where there is no other.
    assert list(augmented(examples, *parts[:2], copies=3, seed=1)) == first
    # It reads as it goes.
    endless = itertools.chain(examples, itertools.cycle(EXAMPLES))
    assert list(itertools.islice(augmented(endless, *parts, copies=3, seed=1), len(first))) == first


def test_a_text_that_is_cut(parts):
    example = {"text": "play some jazz by velvets now", "pair": None, "label": "a"}
    for changed in copies(parts, [example], copies=20, max_length=7):
        assert changed["text"].endswith(" velvets now")


def test_byte_level_pieces():
    texts = [" ".join(WORDS), "otters play old songs"] * 3
    tokenizer = training.byte_bpe(texts, 320)
    encoder, model = masked_lm(tokenizer)
    neighbours = Neighbours.of_table(encoder.embeddings.token.embeddings, tokenizer)
    example = {"text": "some jazz in the house.", "pair": None, "label": "a"}
    for changed in augmented([example], model, tokenizer, neighbours, copies=10):
        words = changed["text"][:-1].split(" ")
        assert len(words) == 5 and all(word.isalpha() for word in words)


def test_what_cannot_be(parts):
    model, tokenizer, neighbours = parts
    with pytest.raises(InputError, match="has no masked-LM head"):
        next(augmented(EXAMPLES, Bert(30, **SIZES), tokenizer, neighbours))
    with pytest.raises(InputError, match="no piece for masks"):
        next(augmented(EXAMPLES, model, Tokenizer([*PIECES[:4], *PIECES[5:]]), neighbours))
    with pytest.raises(InputError, match="probability=0, copies=20"):
        next(augmented(EXAMPLES, model, tokenizer, neighbours, probability=0))
    with pytest.raises(InputError, match="no piece that is a word"):
        augmentation.whole_words(Tokenizer([*PIECES[:5], "##a"]))
