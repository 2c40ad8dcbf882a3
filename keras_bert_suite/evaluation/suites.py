"""Suites of data sets: what each one's files are, its official metric, published figures, files for a leaderboard.

A suite is looked for in one folder, in the layout that it is published in (`CoLA/dev.tsv`, `dev-v1.1.json`,
`eng.testa`, BEIR's folders) or a folder a data set (`cola/val.tsv`, `squad_v1.1/dev.json`).
"""

import dataclasses
from pathlib import Path

from keras_bert_suite.errors import InputError

SUITES = ("glue", "superglue-lite", "squad", "conll", "sts", "retrieval")


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A data set of a suite.

    Args:
        suite: the suite's name.
        name: its own, as the leaderboard spells it.
        files: patterns of the file that is judged on, of which the first that is found counts; of a data set in
            several files (`sts`) each that is found.
        metrics: the official ones, of those that the task gives.
        tasks: names of the tasks that a model may be of.
        text: the column of the text.
        pair: the column of the second text, or None.
        label: the column of the label.
        columns: names of the columns of a file without a header line.
        test: pattern of the file without labels that the leaderboard wants to be answered, or None.
        binary: of retrieval, whether all grades above 0 are the same gain.
    """

    suite: str
    name: str
    files: tuple
    metrics: tuple = ("accuracy",)
    tasks: tuple = ("classification",)
    text: str = "sentence1"
    pair: str | None = "sentence2"
    label: str = "label"
    columns: tuple | None = None
    test: str | None = None
    binary: bool = False


def _glue(name, dev="dev.tsv", others=(), test="test.tsv", **kwargs):
    folder = {"MNLI-m": "MNLI", "MNLI-mm": "MNLI"}.get(name, name)
    return DataSet("glue", name, (f"{folder}/{dev}", *others), test=f"{folder}/{test}", **kwargs)


def _superglue(name, **kwargs):
    return DataSet("superglue-lite", name, (f"{name}/val.jsonl", f"{name.lower()}/val.jsonl"), **kwargs)


def _squad(name, *files):
    return DataSet("squad", name, files, ("f1", "exact"), ("question_answering",))


def _entities(name, *files):
    metrics = ("entity_f1", "entity_precision", "entity_recall")
    return DataSet("conll", name, files, metrics, ("token_classification",))


_NUMBER = {"metrics": ("pearson", "spearman"), "tasks": ("classification", "similarity"), "label": "score"}
_STS = {**_NUMBER, "metrics": ("spearman", "pearson"), "columns": ("score", "sentence1", "sentence2")}
_FOUND = ("ndcg@10", "map", "mrr@10", "recall@100")
_BEIR = ("arguana", "fiqa", "nfcorpus", "quora", "scidocs", "scifact", "trec-covid", "webis-touche2020")

DATA_SETS = (
    _glue(
        "CoLA",
        others=("**/cola/val.tsv",),
        metrics=("matthews",),
        text="sentence",
        pair=None,
        columns=("source", "label", "mark", "sentence"),
    ),
    _glue("SST-2", others=("**/sst2/dev.tsv",), text="sentence", pair=None),
    _glue(
        "MRPC",
        others=("**/mrpc/dev.tsv",),
        metrics=("f1", "accuracy"),
        text="#1 string",
        pair="#2 string",
        label="quality",
    ),
    _glue("STS-B", others=("**/stsb_en/dev.csv",), columns=("sentence1", "sentence2", "score"), **_NUMBER),
    _glue("QQP", metrics=("f1", "accuracy"), text="question1", pair="question2", label="is_duplicate"),
    _glue("MNLI-m", "dev_matched.tsv", test="test_matched.tsv", label="gold_label"),
    _glue("MNLI-mm", "dev_mismatched.tsv", test="test_mismatched.tsv", label="gold_label"),
    _glue("QNLI", text="question", pair="sentence"),
    _glue("RTE", others=("**/rte/val.tsv",), columns=("index", "sentence1", "sentence2", "label")),
    _glue("WNLI"),
    _superglue("BoolQ", text="question", pair="passage"),
    _superglue("CB", metrics=("f1", "accuracy"), text="premise", pair="hypothesis"),
    _superglue("RTE", text="premise", pair="hypothesis"),
    _superglue("COPA", tasks=("multiple_choice",), text="premise"),
    _squad("SQuAD 1.1", "dev-v1.1.json", "**/squad_v1.1/dev.json"),
    _squad("SQuAD 2.0", "dev-v2.0.json", "**/squad_v2.0/dev.json"),
    *(_squad(f"XQuAD {language}", f"**/xquad.{language}.json") for language in ("en", "de", "es", "ru", "zh")),
    _entities("CoNLL-2003", "eng.testa", "**/conll2003/valid.txt"),
    _entities("CoNLL-2003 test", "eng.testb", "**/conll2003/test.txt"),
    _entities("WNUT-17", "emerging.dev.conll", "**/wnut17/dev.conll"),
    _entities("BC5CDR", "**/bc5cdr/devel.tsv"),
    _entities("WikiGold", "**/wikigold.conll.txt"),
    *(DataSet("sts", f"STS{year}", (f"**/sts20{year}/*.test.tsv",), **_STS) for year in (12, 13, 14, 15, 16)),
    DataSet(
        "sts",
        "STS-B",
        ("STS-B/dev.tsv", "**/stsb_en/dev.csv"),
        **{**_STS, "columns": _STS["columns"][1:] + ("score",)},
    ),
    DataSet(
        "sts",
        "SICK-R",
        ("**/SICK_test_annotated.txt", "**/SICK_trial.txt"),
        **{**_STS, "label": "relatedness_score", "columns": None},
        text="sentence_a",
        pair="sentence_b",
    ),
    # Cranfield's grades go from 1, a complete answer, to 4, of little interest.
    DataSet("retrieval", "Cranfield", ("**/cranfield/corpus.jsonl",), _FOUND, ("similarity",), binary=True),
    *(DataSet("retrieval", name, (f"**/{name}/corpus.jsonl",), _FOUND, ("similarity",)) for name in _BEIR),
    DataSet("retrieval", "TREC QA", ("**/trecqa_answer_selection/dev.csv",), ("map", "mrr@10"), ("ranking",)),
)


@dataclasses.dataclass(frozen=True)
class Published:
    """Figures that were published.

    Args:
        model: the model.
        split: which part of the data they are of; those of dev and test cannot be compared.
        source: where they stand.
        figures: from a data set's name to its metrics in their order, in per cent; None for one that is not given.
    """

    model: str
    split: str
    source: str
    figures: dict


def _published(split, source, names, rows):
    """A table, each row a model with a value, or a tuple of values, for each of these data sets."""
    return tuple(
        Published(
            model,
            split,
            source,
            {
                name: value if isinstance(value, tuple) else (value,)
                for name, value in zip(names, values, strict=True)
                if value is not None
            },
        )
        for model, values in rows.items()
    )


PUBLISHED = (
    *_published(
        "test",
        "google-research/bert README",
        ("CoLA", "SST-2", "MNLI-m", "MNLI-mm", "QNLI", "RTE"),
        {
            "BERT-Tiny": (None, 83.2, 70.2, 70.3, 81.5, 57.2),
            "BERT-Mini": (None, 85.9, 74.8, None, None, None),
            "BERT-Small": (27.8, 89.7, 77.6, None, 86.4, 61.8),
            "BERT-Medium": (38.0, 89.6, 80.0, None, 87.7, 62.2),
        },
    ),
    *_published(
        "dev",
        "google-research/bert README",
        ("SQuAD 1.1", "MNLI-m"),
        {
            "BERT-Large, whole words, uncased": ((92.8, 86.7), 87.07),
            "BERT-Large, whole words, cased": ((92.9, 86.7), 86.46),
        },
    ),
    *_published(
        "dev",
        "microsoft/DeBERTa README",
        ("SQuAD 1.1", "SQuAD 2.0", "MNLI-m", "MNLI-mm", "SST-2", "QNLI", "CoLA", "RTE"),
        {
            "BERT-Large": ((90.9, 84.1), (81.8, 79.0), 86.6, None, 93.2, 92.3, 60.6, 70.4),
            "RoBERTa-Large": ((94.6, 88.9), (89.4, 86.5), 90.2, None, 96.4, 93.9, 68.0, 86.6),
            "XLNet-Large": ((95.1, 89.7), (90.6, 87.9), 90.8, None, None, None, None, None),
            "DeBERTa-Large": ((95.5, 90.1), (90.7, 88.0), 91.3, 91.1, None, None, 69.5, 91.0),
            "DeBERTa-v2-XXL": ((96.1, 91.4), (92.2, 89.7), 91.7, 91.9, None, None, None, None),
            "DeBERTa-v3-Large": (None, (91.5, 89.0), 91.8, 91.9, None, None, 75.3, 92.7),
            "DeBERTa-v3-Base": (None, (88.4, 85.4), 90.6, 90.7, None, None, None, None),
            "DeBERTa-v3-Small": (None, (82.9, 80.4), 88.3, 87.7, None, None, None, None),
            "DeBERTa-v3-XSmall": (None, (84.8, 82.0), 88.1, 88.3, None, None, None, None),
        },
    ),
    *_published(
        "dev",
        "google-research/albert README",
        ("SQuAD 1.1", "SQuAD 2.0", "MNLI-m", "SST-2"),
        {
            "ALBERT-Base v2": ((90.2, 83.2), (82.1, 79.3), 84.6, 92.9),
            "ALBERT-XXLarge v2": ((94.6, 89.1), (89.8, 86.9), 90.6, 96.8),
        },
    ),
    *_published(
        "dev",
        "zihangdai/xlnet README",
        ("SQuAD 1.1", "SQuAD 2.0", "MNLI-m", "SST-2", "CoLA", "RTE"),
        {
            "XLNet-Base": (None, (None, 80.18), 86.8, 94.7, 60.2, 74.0),
            "XLNet-Large": ((None, 88.95), (None, 86.12), 89.8, 95.6, 63.6, 83.8),
        },
    ),
    *_published(
        "dev",
        "google-research/electra README",
        ("CoLA", "SST-2", "MNLI-m", "RTE", "SQuAD 1.1", "SQuAD 2.0", "QNLI"),
        {
            "ELECTRA-Large": (69.1, 96.9, 90.9, 88.0, (None, 89.7), (None, 88.1), None),
            "ELECTRA-Base": (67.7, 95.1, 88.8, 82.7, (None, 86.8), (None, 80.5), None),
            "ELECTRA-Small": (57.0, 91.2, 81.3, 66.7, (None, 75.8), (None, 70.1), None),
            "ELECTRA-Small-OWT": (56.8, 88.3, 78.9, 68.5, None, None, 87.9),
        },
    ),
    *_published(
        "dev",
        "facebookresearch/SpanBERT README",
        ("SQuAD 1.1", "SQuAD 2.0"),
        {"SpanBERT-Base": ((92.4, None), (83.6, None))},
    ),
    *_published(
        "dev",
        "Hugging Face transformers, distillation README",
        ("CoLA", "SST-2", "MNLI-m", "QNLI", "RTE", "SQuAD 1.1"),
        {"DistilBERT": (51.3, 91.3, 82.1, 89.2, 59.9, (86.9, None))},
    ),
    *_published(
        "dev",
        "Sun et al. 2020, abstract of arXiv 2004.02984",
        ("SQuAD 1.1", "SQuAD 2.0"),
        {"MobileBERT": ((90.0, None), (79.2, None))},
    ),
    *_published(
        "dev",
        "microsoft/unilm, minilm README",
        ("SQuAD 2.0", "MNLI-m", "SST-2", "QNLI", "CoLA", "RTE"),
        {
            "MiniLM-L12-H384": ((81.7, None), 85.7, 93.0, 91.5, 58.5, 73.3),
            "MiniLM-L6-H384": ((75.6, None), 83.3, 91.5, 90.5, 47.5, 68.8),
            "MiniLMv2-L6-H384 of BERT-Base": ((72.9, None), 82.8, None, None, None, None),
        },
    ),
    *_published(
        "not stated",
        "airaria/TextBrewer README",
        ("CoNLL-2003",),
        {
            "BERT-Base, cased": (91.1,),
            "T6, 65M parameters": (90.7,),
            "T12-nano, 17M parameters": (89.6,),
            "T4-tiny, 14M parameters": (89.1,),
        },
    ),
)


def find(suite, folder):
    """The data sets of a suite that are in a folder.

    Args:
        suite: one of `SUITES`.
        folder: where to look.

    Returns:
        A dict from `DataSet` to its files, a list of paths.

    Raises:
        InputError: there is no such suite or folder, or no file of the suite is there.
    """
    if suite not in SUITES:
        raise InputError(f"Received suite={suite!r}; expected {', '.join(SUITES)}.")
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}.")
    data_sets = [data_set for data_set in DATA_SETS if data_set.suite == suite]
    found = {}
    for data_set in data_sets:
        paths = next((paths for pattern in data_set.files if (paths := sorted(folder.glob(pattern)))), [])
        if paths:
            found[data_set] = paths
    if not found:
        wanted = ", ".join(data_set.files[0] for data_set in data_sets)
        raise InputError(f"{folder} has no file of the suite {suite}; expected some of {wanted}.")
    return found


def read(data_set, path, labelled=True):
    """The examples of a file of a data set, in the form of its task.

    Raises:
        InputError: a row of it has no text, or no label where it should have one.
    """
    from keras_bert_suite.data import pairs, readers, squad

    task = data_set.tasks[0]
    if task == "question_answering":
        return squad.read_squad(path)
    if task == "token_classification":
        return readers.read_token_classification(path)
    if task == "ranking":
        return pairs.read_ranking(path)
    wanted = [data_set.text, *([data_set.pair] if data_set.pair and task != "multiple_choice" else [])]
    examples = []
    for number, row in _rows(Path(path), data_set):
        missing = [name for name in [*wanted, *([data_set.label] if labelled else [])] if row.get(name) in (None, "")]
        if missing:
            raise InputError(f"{path} line {number} has no {missing[0]}; its columns are {', '.join(row)}.")
        if task == "multiple_choice":
            examples.append(_copa(row, f"{path} line {number}"))
            continue
        label = row.get(data_set.label)
        if data_set.label in ("score", "relatedness_score") and labelled:
            label = _number(label, f"{path} line {number}")
        pair = row[data_set.pair] if data_set.pair else None
        examples.append({"text": row[data_set.text], "pair": pair, "label": label, "negatives": ()})
    if not examples:
        raise InputError(f"{path} holds no examples.")
    return examples


def _rows(path, data_set):
    from keras_bert_suite.data import readers

    if path.suffix == ".txt":
        lines = readers.lines_of(path)
        header = lines[0].lower().split("\t")
        return ((i, dict(zip(header, line.split("\t"), strict=False))) for i, line in enumerate(lines[1:], 2))
    return readers.table_rows(path, data_set.columns, (data_set.text,))


_COPA = {"cause": "What was the cause of this?", "effect": "What happened as a result?"}


def _copa(row, where):
    question, choices = _COPA.get(row.get("question")), (row.get("choice1"), row.get("choice2"))
    if question is None or None in choices:
        raise InputError(f"{where}: expected a question, cause or effect, and choice1 and choice2.")
    return {"text": row["premise"], "pair": question, "choices": choices, "label": row.get("label")}


def _number(value, where):
    try:
        return float(value)
    except ValueError:
        raise InputError(f"{where} has the score {value!r}; expected a number.") from None


def judge(data_set, paths, model, progress=iter):
    """The official figures of a model on a data set.

    Args:
        data_set: a `DataSet`.
        paths: its files, as `find` gives them.
        model: what answers: a model of one of the data set's tasks.
        progress: wraps the list of batches, as `tqdm` does.

    Returns:
        A dict from metric to value. Of a data set in several files the figures of all examples together, and under
        `spearman mean` the mean of the files' own.

    Raises:
        InputError: the model is of another task, or was trained on other labels.
    """
    task = task_of(model)
    if task.name not in data_set.tasks:
        raise InputError(f"{data_set.name} wants a model of {' or '.join(data_set.tasks)}; this one's is {task.name}.")
    if data_set.suite == "retrieval" and task.name == "similarity":
        from keras_bert_suite import search

        return search.evaluate(model, paths[0].parent, binary=data_set.binary, progress=progress)
    examples, answers, each = [], [], []
    for path in paths:
        part = read(data_set, path)
        task.check(part, path)
        given = model.predict([task.input(example) for example in part], progress=progress)
        each.append(task.evaluate(part, given))
        examples, answers = examples + part, answers + given
    figures = each[0] if len(each) == 1 else task.evaluate(examples, answers)
    chosen = {name: float(figures[name]) for name in data_set.metrics}
    if len(each) > 1:
        name = data_set.metrics[0]
        chosen[f"{name} mean"] = sum(part[name] for part in each) / len(each)
    return chosen


def task_of(model):
    """The task of a model, of a folder or of a device file."""
    from keras_bert_suite.tasks import task_class

    # A device file says what its task is, a folder has the task itself.
    if not isinstance(model.task, dict):
        return model.task
    settings = dict(model.task)
    return task_class(settings.pop("name"))(**settings)


def average(results):
    """GLUE's average without WNLI: each data set counts once, with the mean of its metrics; MNLI's two parts are one.

    Args:
        results: a dict from a data set's name to its figures.

    Returns:
        A number; None where a data set is missing.
    """
    names = [data_set.name for data_set in DATA_SETS if data_set.suite == "glue" and data_set.name != "WNLI"]
    if any(name not in results for name in names):
        return None
    means = {name: sum(results[name].values()) / len(results[name]) for name in names}
    means["MNLI-m"] = (means["MNLI-m"] + means.pop("MNLI-mm")) / 2
    return sum(means.values()) / len(means)


def table(results, split="dev"):
    """Figures beside the published ones, in per cent, as the rows of `report.text_table` and `report.html_table`.

    Args:
        results: a dict from a data set's name to its figures.
        split: which part of the data they are of.

    Returns:
        A header, and rows: data set, metric, model, split, figure, source.
    """
    header = ["data set", "metric", "model", "split", "figure", "source"]
    rows = []
    for name, figures in results.items():
        data_set = next(
            data_set for data_set in DATA_SETS if data_set.name == name and set(data_set.metrics) & set(figures)
        )
        per_cent = 1.0 if "question_answering" in data_set.tasks else 100.0
        for metric, value in figures.items():
            rows.append([name, metric, "this model", split, f"{per_cent * value:.2f}", ""])
            for known in PUBLISHED:
                values = dict(zip(data_set.metrics, known.figures.get(name, ()), strict=False))
                if values.get(metric) is not None:
                    rows.append([name, metric, known.model, known.split, f"{values[metric]:.2f}", known.source])
    return header, rows


def write_submission(data_set, folder, model, output, progress=iter):
    """Answers the test part of a data set of GLUE in the form of its leaderboard, and writes `<name>.tsv`.

    Args:
        data_set: a `DataSet` of GLUE.
        folder: the folder of GLUE.
        model: what answers.
        output: the folder to write to.
        progress: wraps the list of batches, as `tqdm` does.

    Returns:
        The path of the file.

    Raises:
        InputError: there is no test file, or the model gives other labels than the leaderboard knows.
    """
    from keras_bert_suite.checkpoints import writing

    if data_set.test is None or not (Path(folder) / data_set.test).exists():
        raise InputError(f"{data_set.name} has no file {data_set.test} in {folder} that a leaderboard asks about.")
    task = task_of(model)
    examples = read(data_set, Path(folder) / data_set.test, labelled=False)
    answers = model.predict([task.input(example) for example in examples], progress=progress)
    lines = ["index\tprediction"]
    for index, answer in enumerate(answers):
        lines.append(f"{index}\t{_for_leaderboard(data_set, answer)}")
    path = Path(output) / f"{data_set.name}.tsv"
    with writing.new_file(path) as temporary:
        Path(temporary).write_text("\n".join(lines) + "\n")
    return path


def _for_leaderboard(data_set, answer):
    if data_set.name == "STS-B":
        if "value" not in answer:
            raise InputError(
                "STS-B wants numbers from 0 to 5; expected a model of classification, problem=regression."
            )
        return f"{min(5.0, max(0.0, answer['value'])):.3f}"
    known = {
        "MNLI-m": ("contradiction", "entailment", "neutral"),
        "MNLI-mm": ("contradiction", "entailment", "neutral"),
        "QNLI": ("entailment", "not_entailment"),
        "RTE": ("entailment", "not_entailment"),
    }.get(data_set.name, ("0", "1"))
    if answer.get("label") not in known:
        raise InputError(
            f"{data_set.name} knows the labels {', '.join(known)}; the model gives {answer.get('label')!r}."
        )
    return answer["label"]
