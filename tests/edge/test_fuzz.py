"""Damaged files and odd strings: one clear error each, or the same answer; never a crash."""

import random

import pytest

from keras_bert_suite import InputError, Tokenizer
from keras_bert_suite.edge import export, metadata, pipeline
from tests.edge.test_export import TASKS, TEXTS, trained

MUTATIONS, STRINGS = 10_000, 100_000


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "model.tflite"
    export.export(trained(TASKS["tokens"]), path, "dynamic_int8", [24])
    return path


def mutated(content, archive, draw):
    """Bytes of which some are changed, cut out or put in; half of the time in the archive alone."""
    content = bytearray(content)
    low = archive if draw.random() < 0.5 else 0
    place, width = draw.randrange(low, len(content)), draw.choice([1, 1, 1, 4, 64])
    kind = draw.choice(["change", "change", "change", "cut", "insert", "end"])
    if kind == "change":
        for i in range(place, min(place + width, len(content))):
            content[i] ^= draw.randrange(1, 256)
    elif kind == "cut":
        del content[place : place + width]
    elif kind == "insert":
        content[place:place] = draw.randbytes(width)
    else:
        del content[place:]
    return bytes(content)


def test_damaged_files_are_refused_or_answer_alike(file, tmp_path):
    content, draw, path = file.read_bytes(), random.Random(0), tmp_path / "damaged.tflite"
    sound, expected = metadata.read(file), pipeline.load(file).predict(TEXTS)
    archive, refused, alike = sound[metadata.ABOUT]["model"]["bytes"], 0, 0
    for _ in range(MUTATIONS):
        path.write_bytes(mutated(content, archive, draw))
        try:
            files = metadata.read(path)
        except InputError as error:
            assert "\n" not in str(error) and str(path) in str(error)
            refused += 1
            continue
        # What is left are bytes that say nothing: dates, attributes, a name in a local header.
        assert files[metadata.ABOUT] == sound[metadata.ABOUT] and files.keys() <= sound.keys()
        try:
            assert pipeline.load(path).predict(TEXTS) == expected
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
            continue
        alike += 1
    assert refused > 0.8 * MUTATIONS and alike > 0


def test_strings_are_cut_as_by_the_host(file):
    draw = random.Random(1)
    blocks = [(0x20, 0x7F), (0x20, 0x7F), (0xA0, 0x250), (0x300, 0x370), (0x4E00, 0x5000), (0x1F300, 0x1F700)]
    blocks.append((0, 0x110000))

    def string():
        low, high = draw.choice(blocks)
        return "".join(chr(draw.randrange(low, high)) for _ in range(draw.randint(0, 12)))

    strings = [string() for _ in range(STRINGS)]
    host = Tokenizer.from_preset("kbs_tiny_en")
    about, files = metadata.tokenizer_files(host)
    device = metadata.tokenizer_of({**files, metadata.ABOUT: {"tokenizer": about}})
    for start in range(0, STRINGS, 1000):
        part = strings[start : start + 1000]
        for ours, theirs in zip(device.encode_batch(part), host.encode_batch(part), strict=True):
            assert (ours.ids, ours.offsets) == (theirs.ids, theirs.offsets)
