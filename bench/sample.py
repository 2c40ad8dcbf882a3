"""Draws and converts the data that the fine-tuning measurements train and evaluate on.

    python bench/sample.py --shared=DIR --output=DIR

SHARED is the folder that holds data/; by default the environment variable KBS_SHARED, else the folder `shared` beside
the repository. OUTPUT receives

    sst2/train.tsv        6,000 training rows, `sentence<TAB>label` under a header
    sst2/dev.tsv          the whole development set, unchanged
    conll2003/train.txt   4,000 training sentences, one `token tag` a line, a blank line after each sentence
    conll2003/valid.txt   the whole validation set, in the same form
    mrpc/ rte/ stsb/ cola/    train.tsv and dev.tsv, all of the rows, `text<TAB>label` or `text<TAB>pair<TAB>label`
    squad_sentences/train.csv   SQuAD 1.1's training questions with the sentence that answers and 4 that do not

The draw is `random.Random(0).sample`, so every run writes the same bytes. The texts of CoNLL-2003 and of MRPC are
licensed for research only: keep OUTPUT out of version control and out of anything published.
"""

import argparse
import csv
import itertools
import json
import os
import random
import re
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


def read_cells(path):
    """Reads the cells of a csv file, or of a tsv file without quoting."""
    with open(path, encoding="utf-8-sig", newline="") as lines:
        if path.suffix == ".csv":
            return list(csv.reader(lines))
        return [line.rstrip("\r\n").split("\t") for line in lines]


# Folder, training file, development file, and the columns of text, pair and label.
TABLES = {
    "mrpc": ("pair/mrpc", "train.tsv", "dev.tsv", (3, 4, 0)),
    "rte": ("pair/rte", "train.tsv", "val.tsv", (1, 2, 3)),
    "stsb": ("sts/stsb_en", "train.csv", "dev.csv", (0, 1, 2)),
    "cola": ("classification/cola", "train.tsv", "val.tsv", (3, 1)),
}


def convert(source, target, columns):
    """Writes the columns of a table of one or two texts and a label as tsv under a header."""
    rows = [[cells[i].replace("\t", " ") for i in columns] for cells in read_cells(source)]
    headers = {"Quality", "label"}
    names = ("text", "pair", "label") if len(columns) == 3 else ("text", "label")
    rows = [row for row in rows if row[-1] not in headers]
    with open(target, "w", encoding="utf-8", newline="\n") as output:
        output.writelines("\t".join(row) + "\n" for row in [names, *rows])


def answer_sentences(source, target):
    """Writes SQuAD as a task of ranking: query, passage, label; the candidates are sentences of the paragraph.

    Garg et al. 2020, https://arxiv.org/abs/1911.04118, who make such pairs of other questions.
    """
    target.mkdir(parents=True, exist_ok=True)
    draw, rows = random.Random(0), []
    articles = json.loads((source / "train.json").read_text(encoding="utf-8"))["data"]
    for paragraph in (paragraph for article in articles for paragraph in article["paragraphs"]):
        text = paragraph["context"]
        ends = [found.end() for found in re.finditer(r"(?<=[a-z0-9)\"\]][.!?])\s+(?=[A-Z\"'(])", text)]
        spans = list(itertools.pairwise([0, *ends, len(text)]))
        for question in paragraph["qas"]:
            answer = question["answers"][0]
            right = [span for span in spans if span[0] <= answer["answer_start"] < span[1]]
            others = [span for span in spans if span not in right]
            wrong = [(a, b) for a, b in others if answer["text"].lower() not in text[a:b].lower()]
            for a, b in right + draw.sample(wrong, min(4, len(wrong))) if wrong else ():
                query, passage = (" ".join(part.split()) for part in (question["question"], text[a:b]))
                rows.append((query, passage, int((a, b) in right)))
    with open(target / "train.csv", "w", encoding="utf-8", newline="") as output:
        csv.writer(output).writerows([("query", "passage", "label"), *rows])


def main():
    """Reads the command line and writes all files."""
    beside_repository = Path(__file__).resolve().parents[2] / "shared"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=os.environ.get("KBS_SHARED") or beside_repository)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    sample_sst2(arguments.shared / "data/classification/sst2", arguments.output / "sst2")
    sample_conll(arguments.shared / "data/ner/conll2003", arguments.output / "conll2003")
    for name, (folder, train, dev, columns) in TABLES.items():
        (arguments.output / name).mkdir(parents=True, exist_ok=True)
        for source, target in ((train, "train.tsv"), (dev, "dev.tsv")):
            convert(arguments.shared / "data" / folder / source, arguments.output / name / target, columns)
    answer_sentences(arguments.shared / "data/qa/squad_v1.1", arguments.output / "squad_sentences")


if __name__ == "__main__":
    main()
