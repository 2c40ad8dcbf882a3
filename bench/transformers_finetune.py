"""Fine-tunes a BERT encoder with transformers on PyTorch: the other side of the fine-tuning comparison.

    python bench/sample.py --output=SAMPLES
    python bench/transformers_finetune.py --task=classification --encoder=MINILM --train=SAMPLES/sst2/train.tsv \\
        --eval=SAMPLES/sst2/dev.tsv --epochs=3 --batch_size=32 --learning_rate=1e-4 --max_length=64 --seed=0 \\
        --json=sst2_0.json

Tasks: classification and regression (tsv with `text`, `label`, perhaps `pair`), token_classification (`token tag`
lines), intent_slots (`NAME.seq.in` beside `NAME.seq.out` and `NAME.label`), question_answering (SQuAD's json). The
environment needs torch, transformers, seqeval, scipy and scikit-learn; PYTHONPATH=. for SQuAD's figures.

The recipe: AdamW (0.9, 0.999, 1e-8) with bias correction and decoupled weight decay 0.01 on all but biases and layer
normalization; the learning rate is 0 at the first step, rises linearly over the first tenth of the steps and falls
linearly to 0; gradients are clipped to global norm 1; the encoder's own dropout. Batches are drawn anew each epoch,
the last partial one kept, and padded to their longest row. A word's tag sits on its first piece; the loss is the mean
over the labelled pieces of the batch. Entity F1 is seqeval's micro average over words, in its default mode
(`entity_f1`) and in strict IOB2 (`entity_f1_strict`); a word cut off by `max_length` counts as predicted O. Answers
are spans of at most 30 pieces, by the sum of their logits, the best of windows that share 128 pieces; none where the
lowest sum at [CLS] over the windows is higher. `seconds` in the JSON file is the training loop alone.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from scipy import stats
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from sklearn import metrics
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoModel,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    get_linear_schedule_with_warmup,
    logging,
)

IGNORED = -100
STRIDE, ANSWER_PIECES = 128, 30


def read_table(path):
    """Reads tab-separated rows under a header that names `text` or `sentence`, `label`, perhaps `pair`, as columns."""
    with open(path, encoding="utf-8", newline="\n") as lines:
        names, *rows = (line.rstrip("\n").split("\t") for line in lines)
    return {name.replace("sentence", "text"): [row[i] for row in rows] for i, name in enumerate(names)}


def read_tokens(path):
    """Reads `token tag` lines as a list of word lists and a list of tag lists."""
    with open(path, encoding="utf-8", newline="\n") as lines:
        blocks = [block.split("\n") for block in lines.read().strip("\n").split("\n\n")]
    sentences = [[line.split(" ") for line in block] for block in blocks]
    return [[word for word, _ in s] for s in sentences], [[tag for _, tag in s] for s in sentences]


def read_questions(path):
    """Reads SQuAD's json as a list of `(id, question, passage, answers)`, answers a list of `(text, start)`."""
    return [
        (qa["id"], qa["question"], paragraph["context"], [(a["text"], a["answer_start"]) for a in qa["answers"]])
        for article in json.loads(Path(path).read_text(encoding="utf-8"))["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]


def first_pieces(word_ids):
    """Returns (position, word) for the first piece of each word that has one."""
    return [(i, word) for i, word in enumerate(word_ids) if word is not None and word != word_ids[i - 1]]


def collate(rows):
    """Pads rows of piece ids and of their segments to the longest, and makes their attention mask; [PAD] is 0."""
    ids, segments = (
        pad_sequence([torch.tensor(row[name]) for row in rows], batch_first=True)
        for name in ("input_ids", "token_type_ids")
    )
    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    return {"input_ids": ids, "token_type_ids": segments, "attention_mask": mask}


def rows_of(encoded):
    """A tokenizer's batch as a list of rows."""
    names = ("input_ids", "token_type_ids")
    return [dict(zip(names, row, strict=True)) for row in zip(*(encoded[name] for name in names), strict=True)]


def train(model, rows, labels, arguments):
    """Runs the training loop, prints the mean loss of each epoch and returns the seconds it took.

    Labels are a dict a row, which the model takes beside the inputs and answers with its loss.
    """
    exempt = [p for name, p in model.named_parameters() if name.endswith("bias") or "LayerNorm" in name]
    exempt_ids = {id(p) for p in exempt}
    decayed = [p for p in model.parameters() if id(p) not in exempt_ids]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": exempt, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=arguments.learning_rate, betas=(0.9, 0.999), eps=1e-8)
    steps = arguments.epochs * -(-len(rows) // arguments.batch_size)
    schedule = get_linear_schedule_with_warmup(optimizer, steps // 10, steps)
    model.train()
    begin = time.perf_counter()
    for epoch in range(arguments.epochs):
        start, losses = time.perf_counter(), []
        for batch in torch.randperm(len(rows)).split(arguments.batch_size):
            targets = {
                name: pad_sequence([labels[i][name] for i in batch], batch_first=True, padding_value=IGNORED)
                for name in labels[0]
            }
            loss = model(**collate([rows[i] for i in batch]), **targets).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        seconds = time.perf_counter() - start
        print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.4f}, {seconds:.0f} s", flush=True)
    return time.perf_counter() - begin


@torch.inference_mode()
def predict(model, rows, batch_size, names=("logits",)):
    """Returns these outputs of each row, a list of tuples."""
    model.eval()
    predictions = [None] * len(rows)
    # Rows of like length share a batch, which spares most of the padding.
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]["input_ids"]))
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        outputs = model(**collate([rows[i] for i in batch]))
        for place, i in enumerate(batch):
            predictions[i] = tuple(outputs[name][place] for name in names)
    return predictions


def run_classification(tokenizer, arguments):
    """Fine-tunes a classifier, or a regression, of texts or pairs."""
    tables = read_table(arguments.train), read_table(arguments.eval)
    regression = arguments.task == "regression"
    names = None if regression else sorted(set(tables[0]["label"]))
    rows, eval_rows = (
        rows_of(tokenizer(t["text"], t.get("pair"), truncation=True, max_length=arguments.max_length)) for t in tables
    )
    model = AutoModelForSequenceClassification.from_pretrained(
        arguments.encoder, num_labels=1 if regression else len(names), dtype=torch.float32
    )
    labels, gold = ([float(x) if regression else names.index(x) for x in table["label"]] for table in tables)
    seconds = train(model, rows, [{"labels": torch.tensor([label])} for label in labels], arguments)
    logits = [row for (row,) in predict(model, eval_rows, arguments.batch_size)]
    if regression:
        values = [row.item() for row in logits]
        return {
            "pearson": stats.pearsonr(values, gold).statistic,
            "spearman": stats.spearmanr(values, gold).statistic,
        }, seconds
    predicted = [row.argmax().item() for row in logits]
    figures = {"accuracy": metrics.accuracy_score(gold, predicted)}
    if len(names) == 2:
        figures |= {"f1": metrics.f1_score(gold, predicted), "mcc": metrics.matthews_corrcoef(gold, predicted)}
    return figures, seconds


def tag_labels(encoded, tags, names):
    """The tags of words as labels of their first pieces."""
    labels = [torch.full((len(row),), IGNORED) for row in encoded["input_ids"]]
    for i, sentence in enumerate(tags):
        for position, word in first_pieces(encoded.word_ids(i)):
            labels[i][position] = names.index(sentence[word])
    return labels


def entity_figures(encoded, logits, gold, names):
    """Entity F1 of the tags of first pieces, and the predicted tags."""
    predicted = [["O"] * len(sentence) for sentence in gold]
    for i, row in enumerate(logits):
        for position, word in first_pieces(encoded.word_ids(i)):
            predicted[i][word] = names[row[position].argmax()]
    strict = f1_score(gold, predicted, mode="strict", scheme=IOB2)
    return {"entity_f1": float(f1_score(gold, predicted)), "entity_f1_strict": float(strict)}, predicted


def run_token_classification(tokenizer, arguments):
    """Fine-tunes a tagger of words."""
    (words, tags), (eval_words, gold) = read_tokens(arguments.train), read_tokens(arguments.eval)
    names = sorted({tag for sentence in tags for tag in sentence})
    options = {"is_split_into_words": True, "truncation": True, "max_length": arguments.max_length}
    encoded, eval_encoded = tokenizer(words, **options), tokenizer(eval_words, **options)
    model = AutoModelForTokenClassification.from_pretrained(
        arguments.encoder, num_labels=len(names), dtype=torch.float32
    )
    labels = [{"labels": row} for row in tag_labels(encoded, tags, names)]
    seconds = train(model, rows_of(encoded), labels, arguments)
    logits = [row for (row,) in predict(model, rows_of(eval_encoded), arguments.batch_size)]
    return entity_figures(eval_encoded, logits, gold, names)[0], seconds


class IntentSlots(nn.Module):
    """BERT with a head for the intent on the pooled output and one for slots on the pieces; the sum of both losses.

    Chen et al. 2019, https://arxiv.org/abs/1902.10909
    """

    def __init__(self, encoder, intents, tags):
        super().__init__()
        self.bert = AutoModel.from_pretrained(encoder, dtype=torch.float32)
        self.dropout = nn.Dropout(0.1)
        self.intent = nn.Linear(self.bert.config.hidden_size, intents)
        self.tags = nn.Linear(self.bert.config.hidden_size, tags)
        for head in (self.intent, self.tags):
            nn.init.normal_(head.weight, std=0.02)
            nn.init.zeros_(head.bias)

    def forward(self, labels=None, tag_labels=None, **inputs):
        outputs = self.bert(**inputs)
        logits, tag_logits = self.intent(self.dropout(outputs[1])), self.tags(self.dropout(outputs[0]))
        answer = {"logits": logits, "tag_logits": tag_logits}
        if labels is None:
            return answer
        loss = cross_entropy(logits, labels[:, 0]) + cross_entropy(tag_logits.flatten(0, 1), tag_labels.flatten())
        return argparse.Namespace(loss=loss, **answer)


def run_intent_slots(tokenizer, arguments):
    """Fine-tunes a joint model of commands."""
    stems = [path.removesuffix(".seq.in") for path in (arguments.train, arguments.eval)]
    words, tags = (
        [[line.split() for line in Path(stem + part).read_text(encoding="utf-8").splitlines()] for stem in stems]
        for part in (".seq.in", ".seq.out")
    )
    intents = [[line.strip() for line in Path(f"{stem}.label").read_text().splitlines()] for stem in stems]
    names = sorted({tag for sentence in tags[0] for tag in sentence})
    intent_names = sorted(set(intents[0]))
    options = {"is_split_into_words": True, "truncation": True, "max_length": arguments.max_length}
    encoded, eval_encoded = (tokenizer(side, **options) for side in words)
    model = IntentSlots(arguments.encoder, len(intent_names), len(names))
    labels = [
        {"labels": torch.tensor([intent_names.index(intent)]), "tag_labels": row}
        for intent, row in zip(intents[0], tag_labels(encoded, tags[0], names), strict=True)
    ]
    seconds = train(model, rows_of(encoded), labels, arguments)
    outputs = predict(model, rows_of(eval_encoded), arguments.batch_size, ("logits", "tag_logits"))
    figures, predicted = entity_figures(eval_encoded, [tag for _, tag in outputs], tags[1], names)
    right = [intent_names[row.argmax()] == intent for (row, _), intent in zip(outputs, intents[1], strict=True)]
    whole = [ok and one == two for ok, one, two in zip(right, predicted, tags[1], strict=True)]
    return {"accuracy": sum(right) / len(right), "frame_accuracy": sum(whole) / len(whole), **figures}, seconds


def windows(tokenizer, questions, max_length):
    """Questions with their passages as windows, with `overflow_to_sample_mapping` and offsets."""
    return tokenizer(
        [question.strip() for _, question, _, _ in questions],
        [passage for _, _, passage, _ in questions],
        truncation="only_second",
        max_length=max_length,
        stride=min(STRIDE, max_length // 4),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )


def answer_places(encoded, i, answers):
    """First and last place of the first answer in a window, [CLS] where the window does not hold all of it."""
    inside = [place for place, sequence in enumerate(encoded.sequence_ids(i)) if sequence == 1]
    offsets = encoded["offset_mapping"][i]
    if not answers:
        return 0, 0
    text, start = answers[0]
    end = start + len(text)
    if offsets[inside[0]][0] > start or offsets[inside[-1]][1] < end:
        return 0, 0
    first = max(place for place in inside if offsets[place][0] <= start)
    return first, min(place for place in inside if offsets[place][1] >= end)


def best_answers(encoded, outputs, questions, null_answers):
    """A dict from a question's id to its answer."""
    spans, nulls = {}, {}
    for i, (start, end) in enumerate(outputs):
        sample, offsets = encoded["overflow_to_sample_mapping"][i], encoded["offset_mapping"][i]
        inside = torch.tensor([sequence == 1 for sequence in encoded.sequence_ids(i)])
        count = len(offsets)
        start, end = start[:count], end[:count]
        allowed = torch.ones(count, count).triu().tril(ANSWER_PIECES - 1).bool() & inside & inside[:, None]
        best, place = torch.where(allowed, start[:, None] + end, -1e9).flatten().max(0)
        first, last = divmod(place.item(), count)
        nulls[sample] = min(nulls.get(sample, 1e9), (start[0] + end[0]).item())
        if sample not in spans or best.item() > spans[sample][0]:
            spans[sample] = (best.item(), questions[sample][2][offsets[first][0] : offsets[last][1]])
    return {
        name: "" if null_answers and nulls[sample] > spans[sample][0] else spans[sample][1]
        for sample, (name, *_) in enumerate(questions)
    }


def run_question_answering(tokenizer, arguments):
    """Fine-tunes a reader of passages."""
    from keras_bert_suite.evaluation.squad import squad

    questions, judged = read_questions(arguments.train), read_questions(arguments.eval)
    encoded = windows(tokenizer, questions, arguments.max_length)
    places = [answer_places(encoded, i, questions[k][3]) for i, k in enumerate(encoded["overflow_to_sample_mapping"])]
    labels = [
        {"start_positions": torch.tensor([first]), "end_positions": torch.tensor([last])} for first, last in places
    ]
    model = AutoModelForQuestionAnswering.from_pretrained(arguments.encoder, dtype=torch.float32)
    seconds = train(model, rows_of(encoded), labels, arguments)
    encoded = windows(tokenizer, judged, arguments.max_length)
    outputs = predict(model, rows_of(encoded), arguments.batch_size, ("start_logits", "end_logits"))
    answers = best_answers(encoded, outputs, judged, any(not answers for *_, answers in questions))
    return squad({name: [text for text, _ in gold] for name, _, _, gold in judged}, answers), seconds


RUNS = {
    "classification": run_classification,
    "regression": run_classification,
    "token_classification": run_token_classification,
    "intent_slots": run_intent_slots,
    "question_answering": run_question_answering,
}


def main():
    """Reads the command line, fine-tunes, evaluates and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=RUNS, required=True)
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
    result, seconds = RUNS[arguments.task](AutoTokenizer.from_pretrained(arguments.encoder), arguments)
    result |= {"seconds": round(seconds, 1), **vars(arguments)}
    with open(arguments.json, "w", encoding="utf-8") as output:
        json.dump(result, output, indent=2)
        output.write("\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
