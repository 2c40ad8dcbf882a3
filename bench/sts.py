"""Spearman correlation of a sentence encoder's cosines on STS-B and STS12-14, here or with sentence-transformers.

    python bench/sts.py --side=ours --model=MINILM --data=SHARED/data/sts --json=ours.json
    python bench/sts.py --side=theirs --model=MINILM --data=SHARED/data/sts --json=theirs.json

Each file has two figures: of the cosines as they are, and of cosines rounded to 5 decimals, in which equal sentences
(cosine 1 but for the last bit) are ties, as they should be.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from scipy import stats


def files(folder):
    """Name to rows `(sentence, sentence, score)` of each file."""
    with open(folder / "stsb_en/dev.csv", encoding="utf-8", newline="") as lines:
        yield "stsb", [(one, two, float(score)) for one, two, score in csv.reader(lines)]
    for path in sorted(folder.glob("sts201[234]/*.test.tsv")):
        rows = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
        yield f"{path.parent.name}/{path.name}", [(one, two, float(score)) for score, one, two in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("side", "model", "data", "json"):
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    if arguments.side == "ours":
        from keras_bert_suite.tasks import saved

        embed = saved.load(arguments.model).embed
    else:
        from sentence_transformers import SentenceTransformer

        embed = SentenceTransformer(arguments.model).encode
    found = {}
    for name, rows in files(Path(arguments.data)):
        one, two = (np.asarray(embed([row[side] for row in rows])) for side in (0, 1))
        cosines = (one * two).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(two, axis=1)
        scores = [row[2] for row in rows]
        found[name] = [stats.spearmanr(values, scores).statistic for values in (cosines, cosines.round(5))]
        print(f"{name:32} {found[name][0]:.6f} {found[name][1]:.6f}", flush=True)
    Path(arguments.json).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
