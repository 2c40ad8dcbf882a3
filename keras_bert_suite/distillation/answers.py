"""What a teacher says of many items, computed once and kept on disk in shards.

    FOLDER/KEY/about.json         what the answers depend on, whose hash is KEY: the teacher's weights, lengths
    FOLDER/KEY/SHARD/NAME.npy     the answers to up to `ITEMS` items, one after another
    FOLDER/KEY/SHARD/NAME.ends.npy    where those of each item end

A shard is named by what it was asked, so that a run that was stopped, or that has more items behind those of another,
computes what is not there yet.
"""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from keras_bert_suite.checkpoints import writing

ITEMS = 2000


class Answers:
    """The answers of a teacher to a list of items, read from disk as they are asked for.

    Args:
        shards: the folders of the shards, each of the answers to `ITEMS` items but the last.

    Attributes:
        names: of the arrays that there are for each item.
    """

    def __init__(self, shards):
        self.names = sorted(path.name.removesuffix(".ends.npy") for path in shards[0].glob("*.ends.npy"))
        self._values = [
            {name: np.load(shard / f"{name}.npy", mmap_mode="r") for name in self.names} for shard in shards
        ]
        self._ends = [{name: np.load(shard / f"{name}.ends.npy") for name in self.names} for shard in shards]

    def __call__(self, name, number):
        """The array of a name for an item, of the shape that it was written in."""
        shard, place = divmod(number, ITEMS)
        ends = self._ends[shard][name]
        return self._values[shard][name][ends[place - 1] if place else 0 : ends[place]]

    def sizes(self, name):
        """The length of the first axis of each item's array."""
        return np.concatenate([np.diff(ends[name], prepend=0) for ends in self._ends])


def kept(folder, about, items, answer, progress=iter):
    """The `Answers` of a teacher's answers; those that are not on disk yet are computed.

    Args:
        folder: where the answers are kept; it may hold those of several teachers.
        about: a dict of what they depend on beside the items.
        items: a list of strings, or of lists of strings.
        answer: a function from a list of items to a dict of lists of arrays, one an item. Those of a name differ in
            their first axis at most.
        progress: wraps the list of what is to be computed, as `tqdm` does.
    """
    text = json.dumps(about, indent=1, sort_keys=True)
    place = Path(folder) / _digest(text)
    place.mkdir(parents=True, exist_ok=True)
    with writing.new_file(place / "about.json") as temporary:
        Path(temporary).write_text(text + "\n")
    # What a kill left of shards that it interrupted.
    for rest in place.glob(".*.*"):
        shutil.rmtree(rest) if rest.is_dir() else rest.unlink()
    parts = [items[start : start + ITEMS] for start in range(0, len(items), ITEMS)]
    shards = [place / _digest(json.dumps(part)) for part in parts]
    for shard, part in progress([pair for pair in zip(shards, parts, strict=True) if not pair[0].exists()]):
        with writing.new_folder(shard) as temporary:
            for name, arrays in answer(part).items():
                np.save(temporary / f"{name}.npy", np.concatenate(arrays))
                np.save(temporary / f"{name}.ends.npy", np.cumsum([len(array) for array in arrays]))
    return Answers(shards)


def _digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:20]
