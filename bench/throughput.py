"""Sentences a second of a text classifier, here or with the pipeline of transformers.

    python bench/throughput.py --side=ours --model=runs/sst2 --data=SHARED/data/classification/sst2/train.tsv
    python bench/throughput.py --side=theirs --model=MINILM --data=SHARED/data/classification/sst2/train.tsv

`theirs` takes the encoder's folder and puts a new head on it, as the figures do not depend on its weights; it is
measured with its batch size of 1 and with 32. `ours` is what kbs-predict runs. Both on all cores; the reading of the
model is not counted, the first batches with what they compile are.
"""

import argparse
import time
from pathlib import Path

SENTENCES = 10_000


def ours(model):
    """What predicts, by its name."""
    from keras_bert_suite.tasks import saved

    trained = saved.load(model)
    return {"ours": lambda texts: trained.predict([(text,) for text in texts])}


def theirs(model):
    """The pipelines that predict, by their names."""
    import transformers

    transformers.logging.set_verbosity_error()
    classify = transformers.pipeline("text-classification", model)
    return {
        f"transformers, batch size {size}": lambda texts, size=size: classify(texts, batch_size=size)
        for size in (32, 1)
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", choices=("ours", "theirs"), required=True)
    for name in ("model", "data"):
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    lines = Path(arguments.data).read_text(encoding="utf-8").splitlines()[1 : SENTENCES + 1]
    texts = [line.split("\t")[0] for line in lines]
    for name, predict in {"ours": ours, "theirs": theirs}[arguments.side](arguments.model).items():
        start = time.perf_counter()
        predict(texts)
        print(f"{name}: {len(texts) / (time.perf_counter() - start):.1f} sentences a second", flush=True)


if __name__ == "__main__":
    main()
