"""The bundled commands are what their source makes, and the splits keep apart what they promise to."""

import json
from pathlib import Path

from keras_bert_suite.data.assistant_commands import make


def test_the_files_are_made_by_make():
    make.check()
    data = make.build()
    for split, records in data.items():
        written = Path(make.__file__).with_name(f"{split}.jsonl").read_text(encoding="utf-8")
        assert written == "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    sentences = {split: {make.plain(record["text"]) for record in records} for split, records in data.items()}
    assert not sentences["train"] & sentences["test"]
    assert sum(map(len, sentences.values())) == sum(map(len, data.values()))
