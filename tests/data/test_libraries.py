"""Data sets of tensorflow-datasets and of Hugging Face's `datasets`, made here, as every task's examples."""

import sys

import pytest

from keras_bert_suite import InputError
from keras_bert_suite.data import libraries
from keras_bert_suite.data.choices import read_multiple_choice
from keras_bert_suite.data.readers import read_classification, read_inputs, read_token_classification
from keras_bert_suite.data.squad import read_squad

# Both libraries import what warns.
pytestmark = pytest.mark.filterwarnings("ignore")

ROWS = [
    {
        "sentence1": "Él comió.",
        "sentence2": "He ate.",
        "label": "entailment",
        "tokens": ["Anna", "ate"],
        "ner_tags": ["B-PER", "O"],
        "id": "q1",
        "question": "Who?",
        "context": "Anna ate",
        "answers": {"text": ["Anna"], "answer_start": [0]},
        "idx": i,
    }
    for i in range(3)
]
LABELS, TAGS = ["entailment", "not_entailment"], ["O", "B-PER"]


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """A data set of each library, by `{library: name without the split}`."""
    folder = tmp_path_factory.mktemp("libraries")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(folder / "tfds"))
        patch.setenv("HF_HOME", str(folder / "home"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield {"tfds": _tfds(folder / "tfds"), "datasets": _datasets(folder / "hugging_face")}


def _tfds(folder):
    import tensorflow as tf
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict(
        {name: tfds.features.Text() for name in ("sentence1", "sentence2", "id", "question", "context")}
        | {
            "label": tfds.features.ClassLabel(names=LABELS),
            "tokens": tfds.features.Sequence(tfds.features.Text()),
            "ner_tags": tfds.features.Sequence(tfds.features.ClassLabel(names=TAGS)),
            "answers": tfds.features.Sequence({"text": tfds.features.Text(), "answer_start": tf.int32}),
            "idx": tf.int32,
        }
    )

    class Pairs(tfds.core.GeneratorBasedBuilder):
        """Written by this test."""

        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, download):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            yield from enumerate(ROWS)

    Pairs(data_dir=folder).download_and_prepare()
    return "tfds:pairs"


def _datasets(folder):
    import datasets

    features = datasets.Features(
        {name: datasets.Value("string") for name in ("sentence1", "sentence2", "id", "question", "context")}
        | {
            "label": datasets.ClassLabel(names=LABELS),
            "tokens": datasets.Sequence(datasets.Value("string")),
            "ner_tags": datasets.Sequence(datasets.ClassLabel(names=TAGS)),
            "answers": {
                "text": datasets.Sequence(datasets.Value("string")),
                "answer_start": datasets.Sequence(datasets.Value("int32")),
            },
            "idx": datasets.Value("int32"),
        }
    )
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    encoded = datasets.Dataset.from_dict(columns, features=features)
    folder.mkdir()
    encoded.to_parquet(folder / "train.parquet")
    return f"datasets:{folder}"


@pytest.mark.parametrize("library", ["tfds", "datasets"])
def test_rows_are_what_files_hold(names, library):
    name = names[library]
    assert dict(libraries.rows(f"{name}:train")) == dict(enumerate(ROWS, 1))
    assert len(list(libraries.rows(f"{name}:train[:2]"))) == 2
    [example, *_] = read_classification(f"{name}:train")
    assert example == {"text": "Él comió.", "pair": "He ate.", "label": "entailment"}
    assert read_token_classification(f"{name}:train")[0]["entities"] == [(0, 4, "PER")]
    assert read_squad(f"{name}:train")[0] == {
        "id": "q1", "text": "Who?", "pair": "Anna ate", "answers": [("Anna", 0)],
    }  # fmt: skip
    assert read_inputs(f"{name}:train")[0] == ("Él comió.", "He ate.", None)


def test_swag_and_labels_that_are_hidden(names, tmp_path):
    import datasets

    (tmp_path / "swag").mkdir()
    features = datasets.Features(
        {name: datasets.Value("string") for name in ("sent1", "sent2", "ending0", "ending1")}
        | {"label": datasets.ClassLabel(names=["0", "1"])}
    )
    rows = {"sent1": ["She ran.", "He sat."], "sent2": ["She", "He"], "ending0": ["fell.", "ate."]}
    rows |= {"ending1": ["flew.", "lay."], "label": [1, -1]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "swag/train.parquet")
    assert read_multiple_choice(f"datasets:{tmp_path}/swag:train") == [
        {"text": "She ran.", "pair": "She", "choices": ("fell.", "flew."), "label": 1},
        {"text": "He sat.", "pair": "He", "choices": ("ate.", "lay."), "label": None},
    ]


@pytest.mark.parametrize(
    "name, complaint",
    [
        ("tfds:glue", "expected tfds:NAME:SPLIT"),
        ("tfds:glue:rte:train", "expected tfds:NAME:SPLIT"),
        ("datasets:/nothing/here:train", "datasets:/nothing/here:train cannot be read"),
        ("datasets:org/name:part:train", "cannot be read"),
        ("tfds:no_such_data:train", "no_such_data not found"),
        ("tfds:pairs:valid", "Unknown split"),
    ],
)
def test_a_wrong_name_is_one_line(names, name, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        read_classification(name)
    assert "\n" not in str(caught.value)


def test_a_library_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(InputError, match=r"pip install keras_bert_suite\[datasets\]"):
        read_classification("tfds:glue/rte:train")
