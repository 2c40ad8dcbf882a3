"""Draws the fixed samples that the fine-tuning measurements train and evaluate on.

    python bench/sample.py --shared=DIR --output=DIR

SHARED is the folder that holds data/classification/sst2 and data/ner/conll2003; by default the environment variable
KBS_SHARED, else the folder `shared` beside the repository. OUTPUT receives

    sst2/train.tsv        6,000 training rows, `sentence<TAB>label` under a header
    sst2/dev.tsv          the whole development set, unchanged
    conll2003/train.txt   4,000 training sentences, one `token tag` a line, a blank line after each sentence
    conll2003/valid.txt   the whole validation set, in the same form

The draw is `random.Random(0).sample`, so every run writes the same bytes. The text of CoNLL-2003 is licensed for
research only: keep OUTPUT out of version control and out of anything published.
"""

import argparse
import os
import random
import shutil
from pathlib import Path

SST2_ROWS = 6_000
CONLL_SENTENCES = 4_000


def draw(rows, count):
    """Returns `count` of the rows, in the order in which they were drawn."""
    return random.Random(0).sample(rows, count)


def read_conll(path):
    """Reads sentences as lists of `token tag` strings; further columns and document marks are dropped."""
    sentences, sentence = [], []
    with open(path, encoding="utf-8", newline="\n") as lines:
        for line in lines:
            columns = line.split()
            if columns and columns[0] != "-DOCSTART-":
                sentence.append(" ".join(columns[:2]))
            elif sentence:
                sentences.append(sentence)
                sentence = []
    if sentence:
        sentences.append(sentence)
    return sentences


def write_conll(path, sentences):
    """Writes sentences in column form, with a blank line after each."""
    with open(path, "w", encoding="utf-8", newline="\n") as output:
        output.writelines("\n".join(sentence) + "\n\n" for sentence in sentences)


def sample_sst2(source, target):
    """Samples the training rows of SST-2 and copies its development set."""
    target.mkdir(parents=True, exist_ok=True)
    with open(source / "train.tsv", encoding="utf-8", newline="\n") as lines:
        header, *rows = lines
    with open(target / "train.tsv", "w", encoding="utf-8", newline="\n") as output:
        output.writelines([header, *draw(rows, SST2_ROWS)])
    shutil.copyfile(source / "dev.tsv", target / "dev.tsv")


def sample_conll(source, target):
    """Samples the training sentences of CoNLL-2003 and converts its validation set."""
    target.mkdir(parents=True, exist_ok=True)
    write_conll(target / "train.txt", draw(read_conll(source / "train.txt"), CONLL_SENTENCES))
    write_conll(target / "valid.txt", read_conll(source / "valid.txt"))


def main():
    """Reads the command line and writes all four files."""
    beside_repository = Path(__file__).resolve().parents[2] / "shared"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=os.environ.get("KBS_SHARED") or beside_repository)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    sample_sst2(arguments.shared / "data/classification/sst2", arguments.output / "sst2")
    sample_conll(arguments.shared / "data/ner/conll2003", arguments.output / "conll2003")


if __name__ == "__main__":
    main()
