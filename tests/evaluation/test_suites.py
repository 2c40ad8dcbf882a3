"""Suites in their published layouts, judged, tabled and answered for a leaderboard; the parts of the HTML report."""

import json
import shutil
import xml.etree.ElementTree

import numpy as np
import pytest

from keras_bert_suite import Bert, InputError, Tokenizer
from keras_bert_suite.evaluation import metrics, report, suites
from keras_bert_suite.tasks import saved
from keras_bert_suite.tasks.classification import Classification
from keras_bert_suite.tasks.similarity import Similarity
from tests.tools.test_tools import complaint, tool

MNLI = (
    "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse"
    "\tsentence1\tsentence2"
)
# The official files, a row or two each.
GLUE = {
    "CoLA/dev.tsv": "gj04\t1\t\tGood.\ngj04\t0\t*\tBad the.\n",
    "CoLA/test.tsv": "index\tsentence\n0\tBad the.\n1\tGood.\n",
    "SST-2/dev.tsv": "sentence\tlabel\na good film \t1\na bad film \t0\n",
    "SST-2/test.tsv": "index\tsentence\n0\tbad\n",
    "MRPC/dev.tsv": '\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t1\t2\tgood "a\tb\n',
    "STS-B/dev.tsv": (
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
        "0\tnews\tf\t2012\t1\tnone\tnone\ta b\tgood\t5.000\n1\tnews\tf\t2012\t2\tnone\tnone\ta\tb\t1.000\n"
    ),
    "STS-B/test.tsv": (
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\n"
        "0\tnews\tf\t2012\t1\tnone\tnone\ta b\tgood\n1\tnews\tf\t2012\t2\tnone\tnone\ta\tb\n"
    ),
    "QQP/dev.tsv": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tgood?\tb?\t1\n",
    "MNLI/dev_matched.tsv": f"{MNLI}\tlabel1\tgold_label\n0\t1\t1\tg\t(\t(\t(\t(\tgood\tb\tneutral\tentailment\n",
    "MNLI/dev_mismatched.tsv": f"{MNLI}\tlabel1\tgold_label\n0\t1\t1\tg\t(\t(\t(\t(\tgood\tb\tneutral\tneutral\n",
    "MNLI/test_matched.tsv": f"{MNLI}\n0\t1\t1\tg\t(\t(\t(\t(\tgood\tb\n",
    "QNLI/dev.tsv": "index\tquestion\tsentence\tlabel\n0\tgood?\tb\tnot_entailment\n",
    "RTE/dev.tsv": "index\tsentence1\tsentence2\tlabel\n0\tgood\tb\tentailment\n",
    "WNLI/dev.tsv": "index\tsentence1\tsentence2\tlabel\n0\tgood\tb\t1\n",
}


class Judge:
    """Says the last label of a text with "good" in it, else the first."""

    max_length = 16

    def __init__(self, task):
        self.task = task

    def predict(self, inputs, progress=iter):
        labels, answers = self.task.labels, []
        for item in inputs:
            good = any("good" in part for part in (item[0].lower(), (item[1] or "").lower()))
            answers.append({"label": labels[-1 if good else 0], "score": 0.9, "value": 7.0 if good else -1.0})
        return answers


class Cosine:
    """A sentence encoder that finds texts alike as far as they share letters."""

    task = Similarity()

    def predict(self, inputs, progress=iter):
        return [{"score": len(set(item[0]) & set(item[1])) / len(set(item[0]) | set(item[1]))} for item in inputs]

    def embed(self, texts, progress=iter):
        letters = "abcdefghijklmnopqrstuvwxyz"
        return np.array([[text.count(letter) + 0.01 for letter in letters] for text in texts], "float32")


@pytest.fixture
def glue(tmp_path):
    for name, content in GLUE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def of_name(found, name):
    return next((data_set, paths) for data_set, paths in found.items() if data_set.name == name)


def read_first(found, name):
    data_set, paths = of_name(found, name)
    return suites.read(data_set, paths[0])


def test_glue_in_its_official_layout(glue):
    found = suites.find("glue", glue)
    assert [data_set.name for data_set in found] == [
        "CoLA", "SST-2", "MRPC", "STS-B", "QQP", "MNLI-m", "MNLI-mm", "QNLI", "RTE", "WNLI",
    ]  # fmt: skip
    first = {data_set.name: suites.read(data_set, paths[0])[0] for data_set, paths in found.items()}
    assert first["CoLA"] == {"text": "Good.", "pair": None, "label": "1", "negatives": ()}
    assert (first["MRPC"]["text"], first["MRPC"]["pair"], first["MRPC"]["label"]) == ('good "a', "b", "1")
    assert first["STS-B"]["label"] == 5.0
    assert (first["QQP"]["pair"], first["QQP"]["label"]) == ("b?", "1")
    assert first["MNLI-m"]["label"] == "entailment" and first["MNLI-mm"]["label"] == "neutral"
    assert (first["QNLI"]["text"], first["QNLI"]["pair"]) == ("good?", "b")
    binary = Judge(Classification(["0", "1"]))
    results = {name: suites.judge(*of_name(found, name), binary) for name in ("CoLA", "SST-2", "MRPC", "QQP", "WNLI")}
    assert results["CoLA"] == {"matthews": 1.0} and results["SST-2"] == {"accuracy": 1.0}
    assert results["MRPC"] == {"f1": 1.0, "accuracy": 1.0}
    entailed = Judge(Classification(["not_entailment", "entailment"]))
    results |= {name: suites.judge(*of_name(found, name), entailed) for name in ("QNLI", "RTE")}
    assert results["QNLI"]["accuracy"] == 0.0
    three = Judge(Classification(["contradiction", "neutral", "entailment"]))
    results |= {name: suites.judge(*of_name(found, name), three) for name in ("MNLI-m", "MNLI-mm")}
    assert suites.average(results) is None
    results["STS-B"] = suites.judge(*of_name(found, "STS-B"), Judge(Classification(["value"], "regression")))
    # CoLA, SST-2, MRPC, STS-B, QQP and RTE are 1, MNLI is half right, QNLI wrong.
    assert suites.average(results) == pytest.approx(6.5 / 8)


def test_what_does_not_fit_is_named(glue, tmp_path):
    found = suites.find("glue", glue)
    with pytest.raises(InputError, match="CoLA wants a model of classification; this one's is similarity"):
        suites.judge(*of_name(found, "CoLA"), Cosine())
    with pytest.raises(InputError, match="has the label 'entailment', which training has not seen"):
        suites.judge(*of_name(found, "RTE"), Judge(Classification(["0", "1"])))
    with pytest.raises(InputError, match="expected some of dev-v1.1.json"):
        suites.find("squad", glue)
    with pytest.raises(InputError, match="suite='blue'; expected glue"):
        suites.find("blue", glue)
    (glue / "WNLI/dev.tsv").write_text("sentence1\tsentence2\nx\ty\n")
    with pytest.raises(InputError, match="line 2 has no label"):
        read_first(found, "WNLI")


def test_submissions_are_as_the_leaderboard_wants(glue, tmp_path):
    found = suites.find("glue", glue)

    def written(name, model):
        return suites.write_submission(of_name(found, name)[0], glue, model, tmp_path / "out")

    path = written("CoLA", Judge(Classification(["0", "1"])))
    assert path.name == "CoLA.tsv" and path.read_text() == "index\tprediction\n0\t0\n1\t1\n"
    path = written("MNLI-m", Judge(Classification(["contradiction", "neutral", "entailment"])))
    assert path.name == "MNLI-m.tsv" and path.read_text() == "index\tprediction\n0\tentailment\n"
    path = written("STS-B", Judge(Classification(["value"], "regression")))
    assert path.read_text() == "index\tprediction\n0\t5.000\n1\t0.000\n"
    with pytest.raises(InputError, match="SST-2 knows the labels 0, 1; the model gives 'negative'"):
        written("SST-2", Judge(Classification(["negative", "positive"])))
    with pytest.raises(InputError, match="RTE has no file RTE/test.tsv"):
        written("RTE", Judge(Classification(["0", "1"])))


def test_the_tool(glue, tmp_path):
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad"]
    encoder = Bert(len(pieces), dim=8, num_layers=1, num_heads=2, feed_forward_dim=16, max_length=16)
    encoder.save_preset(tmp_path / "encoder", tokenizer=Tokenizer(pieces))
    trained = saved.begin(Classification(["0", "1"]), tmp_path / "encoder", 16)
    saved.save(trained, tmp_path / "runs/SST-2", "A card.")
    shutil.copytree(tmp_path / "runs/SST-2", tmp_path / "runs/CoLA")
    done = tool(
        "evaluate", f"--model={tmp_path}/runs", "--suite=glue", f"--data={glue}", f"--submission={tmp_path}/out",
        f"--json={tmp_path}/figures.json", f"--html={tmp_path}/suite.html",
    )  # fmt: skip
    assert set(json.loads((tmp_path / "figures.json").read_text())) == {"CoLA", "SST-2"}
    assert "BERT-Tiny" in done.stdout and "BERT-Tiny" in (tmp_path / "suite.html").read_text()
    assert "kbs-evaluate: RTE: " in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["CoLA.tsv", "SST-2.tsv"]
    tool("evaluate", f"--model={tmp_path}/runs/SST-2", f"--data={glue}/SST-2/dev.tsv", f"--html={tmp_path}/one.html")
    assert "<svg" in (tmp_path / "one.html").read_text()
    done = tool("evaluate", f"--model={tmp_path}/none", "--suite=squad", f"--data={glue}", check=False)
    assert "has no file of the suite squad" in complaint(done)


def test_superglue(tmp_path):
    for name, row in {
        "BoolQ": '{"question": "is it good", "passage": "p", "label": true, "idx": 0}',
        "CB": '{"premise": "good", "hypothesis": "h", "label": "neutral"}',
        "COPA": '{"premise": "It fell.", "choice1": "a", "choice2": "b", "question": "cause", "label": 1}',
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "val.jsonl").write_text(row + "\n")
    found = suites.find("superglue-lite", tmp_path)
    assert suites.judge(*of_name(found, "BoolQ"), Judge(Classification(["False", "True"]))) == {"accuracy": 1.0}
    assert read_first(found, "COPA")[0]["pair"] == "What was the cause of this?"


def test_a_data_set_of_several_files(tmp_path):
    (tmp_path / "sts2013").mkdir()
    for name, rows in {"A": "5\tab\tab\n1\tab\tcd\n3\tab\tac\n", "B": "0\tab\tab\n4\tab\tcd\n2\tab\tac\n"}.items():
        (tmp_path / f"sts2013/{name}.test.tsv").write_text(rows)
    found = suites.judge(*of_name(suites.find("sts", tmp_path), "STS13"), Cosine())
    assert found["spearman mean"] == pytest.approx(0.0)
    assert set(found) == {"spearman", "pearson", "spearman mean"}


def test_retrieval(tmp_path):
    folder = tmp_path / "scifact"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "1", "text": "aaa"}\n{"_id": "2", "text": "bbb"}\n')
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "ab bb"}\n')
    (folder / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq\t1\t1\n")
    found = suites.judge(*of_name(suites.find("retrieval", tmp_path), "scifact"), Cosine())
    assert found["mrr@10"] == 0.5 and found["recall@100"] == 1.0


def test_published_figures_stand_beside_ours():
    header, rows = suites.table({"SST-2": {"accuracy": 0.91}, "SQuAD 1.1": {"f1": 88.5, "exact": 81.0}})
    assert ["SST-2", "accuracy", "this model", "dev", "91.00", ""] in rows
    assert ["SQuAD 1.1", "f1", "this model", "dev", "88.50", ""] in rows
    assert ["SST-2", "accuracy", "BERT-Tiny", "test", "83.20", "google-research/bert README"] in rows
    assert ["SQuAD 1.1", "exact", "ELECTRA-Small", "dev", "75.80", "google-research/electra README"] in rows
    assert all(len(row) == len(header) for row in rows)
    names = {data_set.name for data_set in suites.DATA_SETS}
    assert all(set(known.figures) <= names for known in suites.PUBLISHED)


def test_every_shared_data_set_is_read(shared):
    counts = {"CoLA": 1301, "SST-2": 872, "MRPC": 500, "STS-B": 1500, "RTE": 363}
    found = suites.find("glue", shared)
    assert {data_set.name: len(suites.read(data_set, paths[0])) for data_set, paths in found.items()} == counts
    for suite, names in {
        "squad": ["SQuAD 1.1", "SQuAD 2.0"],
        "conll": ["CoNLL-2003", "WNUT-17", "BC5CDR", "WikiGold"],
        "sts": ["STS12", "STS13", "STS14", "STS-B", "SICK-R"],
        "retrieval": ["Cranfield", "TREC QA"],
    }.items():
        assert set(names) <= {data_set.name for data_set in suites.find(suite, shared)}
    assert len(read_first(suites.find("sts", shared), "SICK-R")) == 500


def test_the_parts_of_a_report():
    examples = [{"text": f"<b>{i}", "pair": None, "label": label} for i, label in enumerate("aabbb")]
    answers = [
        {"label": label, "score": score} for label, score in zip("abbba", (0.9, 0.8, 0.7, 0.6, 0.95), strict=True)
    ]
    page = report.page("A & B", report.classification(examples, answers, ["a", "b"]))
    assert "<b>" not in page and page.index("&lt;b&gt;4") < page.index("&lt;b&gt;1")
    matrix = report.confusion_matrix(list("aabbb"), list("abbba"), ["a", "b"])
    assert ">1</td>" in matrix and ">2</td>" in matrix and matrix.count("<tr>") == 3
    drawing = report.reliability_diagram(metrics.reliability([0.1, 0.9], [0, 1], bins=2))
    assert len(xml.etree.ElementTree.fromstring(drawing).findall("rect")) == 3
    assert report.worst(examples[:1], answers[:1]) == "<p>No answer was wrong.</p>"
