"""Fine-tunes a BERT encoder with transformers on PyTorch: the other side of the fine-tuning comparison.

    python bench/sample.py --output=SAMPLES
    python bench/transformers_finetune.py --task=classification --encoder=MINILM --train=SAMPLES/sst2/train.tsv \\
        --eval=SAMPLES/sst2/dev.tsv --epochs=3 --batch_size=32 --learning_rate=1e-4 --max_length=64 --seed=0 \\
        --json=sst2_0.json
    python bench/transformers_finetune.py --task=token_classification --encoder=MINILM \\
        --train=SAMPLES/conll2003/train.txt --eval=SAMPLES/conll2003/valid.txt --epochs=4 --batch_size=32 \\
        --learning_rate=2e-4 --max_length=128 --seed=0 --json=conll_0.json

With all-MiniLM-L6-v2, transformers 5.23.0 and torch 2.13.0 on one core of a CPU (`--threads=1`), seeds 0, 1 and 2 gave

    SST-2        accuracy          0.8463  0.8521  0.8567    mean 0.8517    about 545 s a run
    CoNLL-2003   entity F1         0.8810  0.8826  0.8761    mean 0.8799    about 605 s a run
                 strict IOB2 F1    0.8858  0.8890  0.8828    mean 0.8859

The recipe: AdamW (0.9, 0.999, 1e-8) with bias correction and decoupled weight decay 0.01 on all but biases and layer
normalization; the learning rate is 0 at the first step, rises linearly over the first tenth of the steps and falls
linearly to 0; gradients are clipped to global norm 1; the encoder's own dropout. Batches are drawn anew each epoch,
the last partial one kept, and padded to their longest row. A word's tag sits on its first piece; the loss is the mean
over the labelled pieces of the batch. Entity F1 is seqeval's micro average over words, in its default mode
(`entity_f1`) and in strict IOB2 (`entity_f1_strict`); a word cut off by `max_length` counts as predicted O. `seconds`
in the JSON file is the training loop alone.
"""

import argparse
import json
import time

import torch
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    get_linear_schedule_with_warmup,
    logging,
)

IGNORED = -100


def read_classification(path):
    """Reads `sentence<TAB>label` rows under a header as a list of texts and a list of integer labels."""
    with open(path, encoding="utf-8", newline="\n") as lines:
        next(lines)
        rows = [line.rstrip("\n").split("\t") for line in lines]
    return [text for text, _ in rows], [int(label) for _, label in rows]


def read_tokens(path):
    """Reads `token tag` lines as a list of word lists and a list of tag lists."""
    with open(path, encoding="utf-8", newline="\n") as lines:
        blocks = [block.split("\n") for block in lines.read().strip("\n").split("\n\n")]
    sentences = [[line.split(" ") for line in block] for block in blocks]
    return [[word for word, _ in s] for s in sentences], [[tag for _, tag in s] for s in sentences]


def first_pieces(word_ids):
    """Returns (position, word) for the first piece of each word that has one."""
    return [(i, word) for i, word in enumerate(word_ids) if word is not None and word != word_ids[i - 1]]


def collate(rows, pad_id):
    """Pads rows of piece ids to the longest and makes their attention mask."""
    input_ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=pad_id)
    lengths = torch.tensor([len(row) for row in rows])
    return {"input_ids": input_ids, "attention_mask": (torch.arange(input_ids.shape[1]) < lengths[:, None]).long()}


def train(model, rows, labels, pad_id, arguments):
    """Runs the training loop and prints the mean loss of each epoch."""
    exempt = [p for name, p in model.named_parameters() if name.endswith("bias") or "LayerNorm" in name]
    exempt_ids = {id(p) for p in exempt}
    decayed = [p for p in model.parameters() if id(p) not in exempt_ids]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": exempt, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=arguments.learning_rate, betas=(0.9, 0.999), eps=1e-8)
    steps = arguments.epochs * -(-len(rows) // arguments.batch_size)
    schedule = get_linear_schedule_with_warmup(optimizer, steps // 10, steps)
    model.train()
    for epoch in range(arguments.epochs):
        start, losses = time.perf_counter(), []
        for batch in torch.randperm(len(rows)).split(arguments.batch_size):
            targets = pad_sequence([labels[i] for i in batch], batch_first=True, padding_value=IGNORED)
            loss = model(**collate([rows[i] for i in batch], pad_id), labels=targets).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        seconds = time.perf_counter() - start
        print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.4f}, {seconds:.0f} s", flush=True)


@torch.inference_mode()
def predict(model, rows, pad_id, batch_size):
    """Returns the most likely class of each row, or of each piece of each row."""
    model.eval()
    predictions = [None] * len(rows)
    # Rows of like length share a batch, which spares most of the padding.
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        classes = model(**collate([rows[i] for i in batch], pad_id)).logits.argmax(-1)
        for i, row in zip(batch, classes.tolist(), strict=True):
            predictions[i] = row
    return predictions


def run_classification(tokenizer, arguments):
    """Fine-tunes a sentence classifier and returns its accuracy and the seconds of training."""
    (texts, labels), (eval_texts, gold) = read_classification(arguments.train), read_classification(arguments.eval)
    rows, eval_rows = (
        tokenizer(t, truncation=True, max_length=arguments.max_length)["input_ids"] for t in (texts, eval_texts)
    )
    model = AutoModelForSequenceClassification.from_pretrained(arguments.encoder, num_labels=2, dtype=torch.float32)
    start = time.perf_counter()
    train(model, rows, [torch.tensor([label]) for label in labels], tokenizer.pad_token_id, arguments)
    seconds = time.perf_counter() - start
    predicted = predict(model, eval_rows, tokenizer.pad_token_id, arguments.batch_size)
    return {"accuracy": sum(p == g for p, g in zip(predicted, gold, strict=True)) / len(gold)}, seconds


def run_token_classification(tokenizer, arguments):
    """Fine-tunes a tagger of words and returns its entity F1 and the seconds of training."""
    (words, tags), (eval_words, gold) = read_tokens(arguments.train), read_tokens(arguments.eval)
    names = sorted({tag for sentence in tags for tag in sentence})
    options = {"is_split_into_words": True, "truncation": True, "max_length": arguments.max_length}
    encoded, eval_encoded = tokenizer(words, **options), tokenizer(eval_words, **options)
    labels = [torch.full((len(row),), IGNORED) for row in encoded["input_ids"]]
    for i, sentence in enumerate(tags):
        for position, word in first_pieces(encoded.word_ids(i)):
            labels[i][position] = names.index(sentence[word])
    model = AutoModelForTokenClassification.from_pretrained(
        arguments.encoder, num_labels=len(names), dtype=torch.float32
    )
    start = time.perf_counter()
    train(model, encoded["input_ids"], labels, tokenizer.pad_token_id, arguments)
    seconds = time.perf_counter() - start
    classes = predict(model, eval_encoded["input_ids"], tokenizer.pad_token_id, arguments.batch_size)
    predicted = [["O"] * len(sentence) for sentence in gold]
    for i, row in enumerate(classes):
        for position, word in first_pieces(eval_encoded.word_ids(i)):
            predicted[i][word] = names[row[position]]
    strict = f1_score(gold, predicted, mode="strict", scheme=IOB2)
    return {"entity_f1": float(f1_score(gold, predicted)), "entity_f1_strict": float(strict)}, seconds


def main():
    """Reads the command line, fine-tunes, evaluates and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=("classification", "token_classification"), required=True)
    for name in ("--encoder", "--train", "--eval", "--json"):
        parser.add_argument(name, required=True)
    for name, default in {"epochs": 3, "batch_size": 32, "max_length": 128, "seed": 0, "threads": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--learning_rate", type=float, default=1e-4)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    # The report on the fresh head at every load says nothing new.
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    run = run_classification if arguments.task == "classification" else run_token_classification
    result, seconds = run(AutoTokenizer.from_pretrained(arguments.encoder), arguments)
    result |= {"seconds": round(seconds, 1), **vars(arguments)}
    with open(arguments.json, "w", encoding="utf-8") as output:
        json.dump(result, output, indent=2)
        output.write("\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
