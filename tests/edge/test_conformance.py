"""The published vectors are what Python gives: tokenizers, rows, answers."""

import json
from pathlib import Path

import numpy as np
import pytest

from keras_bert_suite.edge import metadata
from keras_bert_suite.tasks.decoding import decode
from keras_bert_suite.tasks.inputs import Input, rows
from tests.tasks.test_every_task import numbers

FOLDER = Path(__file__).parents[2] / "edge/conformance"
TOKENIZERS = sorted(path.stem for path in FOLDER.glob("tokenizer_*.json"))


def vectors(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def tokenizer_of(found):
    return metadata.tokenizer_of({**found["files"], metadata.ABOUT: {"tokenizer": found["tokenizer"]}})


def plain(encoding):
    names = ("ids", "segment_ids", "offsets", "words", "sequence_ids", "truncated")
    return json.loads(json.dumps({name: getattr(encoding, name) for name in names}))


@pytest.mark.parametrize("name", TOKENIZERS)
def test_tokenizers(name):
    found = vectors(name)
    tokenizer = tokenizer_of(found)
    for case in found["cases"]:
        assert plain(tokenizer.encode(case["text"], case.get("pair"), case.get("max_length"))) == case["encoding"]
    for case in found["windows"]:
        pairs = [case["pair"]] if "pair" in case else None
        made = tokenizer.windows([case["text"]], pairs, case["max_length"], case["stride"])[0]
        assert [plain(encoding) for encoding in made] == case["encodings"]
    for case in found["arrays"]:
        made = tokenizer.arrays(tokenizer.encode_batch(case["texts"], None, case["max_length"]), case["length"])
        assert {key: array.tolist() for key, array in made.items()} == case["arrays"]


def test_decoders():
    found = vectors("decoders")
    tokenizer = tokenizer_of(vectors(f"tokenizer_{found['tokenizer']}"))
    for group in found["groups"]:
        for case in group["cases"]:
            item = Input(case["text"], case.get("pair"), tuple(case["choices"]) if "choices" in case else None)
            made = rows(group["task"], tokenizer, [item], group["max_length"])[0]
            assert [{"ids": e.ids, "segment_ids": e.segment_ids} for e in made.encodings] == case["rows"]
            answer = decode(group["task"], _arrays(case["outputs"]), made, item)
            # Sums of float64 in the order that numpy has on another processor.
            assert numbers(answer) == pytest.approx(numbers(case["answer"]), abs=1e-9)
            assert json.loads(json.dumps(answer)).keys() == case["answer"].keys()


def _arrays(outputs):
    return [{name: np.array(value) for name, value in one.items()} for one in outputs]
