"""edge/web answers as Python does: its modules by node, on the vectors and on random texts; its page in a browser."""

import functools
import http.server
import json
import random
import shutil
import subprocess
import threading
import zipfile
from pathlib import Path

import keras
import pytest

from keras_bert_suite import Tokenizer
from keras_bert_suite.data import assistant_commands
from keras_bert_suite.edge import export, metadata, pipeline
from keras_bert_suite.tasks import saved, task_class
from keras_bert_suite.tasks.task import from_settings
from keras_bert_suite.tasks.token_classification import TokenClassification
from tests.edge import browser as browsers
from tests.edge.test_conformance import FOLDER, TOKENIZERS, tokenizer_of, vectors
from tests.edge.test_tokenizers import xlnet
from tests.tasks.test_every_task import FILES

WEB = FOLDER.parent / "web"
COMMANDS = Path(assistant_commands.__file__).parent / "test.jsonl"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="needs node: apt-get install nodejs")
needs_browser = pytest.mark.skipif(
    browsers.find() is None or not (WEB / "node_modules").is_dir(),
    reason="needs a browser and the runtime: apt-get install chromium, make edge-web",
)
# Characters between the random ones, so that words, marks and pieces meet.
FAMILIAR = ["the ", " wake", "[MASK]", "<mask>", "[CLS]", "\r\n", "don't", "\ufb01", "  ", "\t", "Á", "e\u0301", "각"]
MARKS = [0x301, 0x316, 0x327, 0x334, 0x345, 0x200D, 0xFE0F, 0x93E, 0x20DD, 0x600, 0x8E2, 0x110BD]


def random_text(draw):
    """Characters of all Unicode, a third of them of its first pages, and familiar ones."""
    found = []
    for _ in range(draw.randint(1, 12)):
        point = draw.choice([draw.randrange(0x110000), draw.randrange(0x3000), draw.choice(MARKS)])
        found.append(draw.choice(FAMILIAR) if 0xD800 <= point < 0xE000 or draw.random() < 0.2 else chr(point))
    return "".join(found)


def node(*arguments, **stdin):
    return subprocess.run([NODE, *map(str, arguments)], capture_output=True, encoding="utf-8", check=False, **stdin)


def encoded(found, cases):
    """What the JavaScript modules make of cases, `(text, pair, max_length)`, with the tokenizer of a vectors' file."""
    given = {"tokenizer": found["tokenizer"], "files": found["files"], "unicode": vectors("unicode"), "cases": cases}
    return node(Path(__file__).with_name("tokenize.mjs"), input=json.dumps(given))


@needs_node
def test_vectors():
    ran = node(WEB / "conformance.js")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    lines = ran.stdout.splitlines()
    assert len(lines) == len(TOKENIZERS) + 1
    for line in lines:
        right, count = line.split(": ")[1].split(" of ")
        assert right == count and int(count) > 100


@needs_node
def test_a_wrong_vector_is_told(tmp_path):
    for path in FOLDER.glob("*.json"):
        shutil.copy(path, tmp_path)
    path = tmp_path / "decoders.json"
    found = json.loads(path.read_text())
    found["groups"][0]["cases"][0]["answer"]["score"] += 1e-5
    path.write_text(json.dumps(found))
    ran = node(WEB / "conformance.js", tmp_path)
    assert ran.returncode == 1 and "decoders.json: 149 of 150\n  answer of classification" in ran.stdout


@needs_node
@pytest.mark.parametrize("name", TOKENIZERS)
def test_random_texts_become_the_same_pieces(name):
    found, draw = vectors(name), random.Random(0)
    tokenizer = tokenizer_of(found)
    cases = [(random_text(draw), None, None) for _ in range(3000)]
    cases += [(random_text(draw), random_text(draw), draw.randint(5, 30)) for _ in range(500)]
    if found["tokenizer"].get("lowercase"):
        assert tokenizer.vocabulary == Tokenizer.from_preset("kbs_tiny_en").vocabulary
        # Most characters are in no vocabulary; with this one each is a piece, and its offsets are seen.
        found = with_characters(found, {character for text, *_ in cases for character in text})
        check_same(tokenizer_of(found), found, cases)
    check_same(tokenizer, vectors(name), cases)


def with_characters(found, characters):
    """The vectors of WordPiece with characters in its vocabulary, and with what these become."""
    normalize = tokenizer_of(found)._tokenizer.normalizer.normalize_str
    made = {part for character in characters for part in normalize(character) if not part.isspace()}
    pieces = found["files"]["vocab.txt"].split("\n")[:-1]
    pieces = dict.fromkeys([*pieces, *(piece for one in sorted(made) for piece in (one, f"##{one}"))])
    return {**found, "files": {"vocab.txt": "".join(f"{piece}\n" for piece in pieces)}}


def check_same(tokenizer, found, cases):
    ran = encoded(found, cases)
    assert ran.returncode == 0, ran.stderr
    for case, ours in zip(cases, json.loads(ran.stdout), strict=True):
        theirs = tokenizer.encode(*case)
        assert ours["ids"] == theirs.ids, case
        assert ours["offsets"] == [list(offset) for offset in theirs.offsets], case
        assert ours["words"] == theirs.words, case
        assert ours["sequenceIds"] == theirs.sequence_ids and ours["segmentIds"] == theirs.segment_ids, case
        assert ours["truncated"] == theirs.truncated, case


@needs_node
@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("normalizer",), {"type": "NFC"}, "the normalizer NFC; known here are"),
        (("pre_tokenizer",), {"type": "Digits"}, "the pre-tokenizer Digits; known here are"),
        (("post_processor",), None, "the post-processor null; known here are"),
        (("model", "type"), "WordLevel", "the model WordLevel; known here are"),
        (("model", "byte_fallback"), True, "vocabulary lacks <0x00>"),
        (("added_tokens", 0, "single_word"), True, "with single_word"),
    ],
)
def test_what_is_not_known_is_refused(path, value, message):
    found = vectors("tokenizer_unigram_albert")
    state = json.loads(found["files"]["tokenizer.json"])
    functools.reduce(lambda inner, key: inner[key], path[:-1], state)[path[-1]] = value
    found["files"]["tokenizer.json"] = json.dumps(state)
    ran = encoded(found, [])
    assert ran.returncode == 1 and f"InputError: tokenizer.json has {message}" in ran.stderr or message in ran.stderr


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Files of models with random heads, by name; `token_classification` reads long texts by windows."""
    folder, found = tmp_path_factory.mktemp("models"), {}
    for name, settings in (("classification", []), ("token_classification", ["stride=8"])):
        keras.utils.set_random_seed(1)
        file, content = FILES[name]
        (folder / file).write_text(content)
        kind = task_class(name)
        trained = saved.begin(from_settings(kind, kind.read(folder / file), settings), "kbs_tiny_en", 48)
        # Sharper than a new head, so that a wrong piece is seen.
        for weight in trained.model.weights:
            if "logits" in weight.path:
                weight.assign(keras.ops.multiply(weight, 20.0))
        found[name] = folder / f"{name}.tflite"
        export.export(trained, found[name], "float32", [24, 48])
    # Padded on the left, with a tokenizer.json.
    tokenizer, encoder = xlnet(folder)
    task = TokenClassification(["O", "B-person", "I-person"])
    trained = saved.TaskModel(encoder, task.build(encoder, 0.0), task, tokenizer, 40)
    found["xlnet"] = folder / "xlnet.tflite"
    export.export(trained, found["xlnet"], "float32", [24, 40])
    return found


@pytest.fixture(scope="module")
def origin(models, tmp_path_factory):
    """The address of a server of edge/web with the models beside it."""
    site = tmp_path_factory.mktemp("site")
    for path in (*WEB.iterdir(), *models.values()):
        (site / path.name).symlink_to(path)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def browser(tmp_path):
    with browsers.Browser(tmp_path / "profile") as made:
        yield made


# Waits until the page has loaded a model, or says what is wrong.
LOADED = """(async () => {
  const said = (id) => document.getElementById(id).textContent;
  while (!said("error") && !said("about").includes("ids a row")) await new Promise((done) => setTimeout(done, 20));
  return said("error") || said("about");
})()"""
# Types texts, one after the other, and gives the answers, and what is marked in the last.
TYPE = """(async (texts) => {
  const field = document.getElementById("text");
  const answers = [];
  for (const text of texts) {
    const answered = new Promise((done) => {
      document.addEventListener("answer", ({ detail }) => done(detail.answer), { once: true });
    });
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    answers.push(await answered);
  }
  const marks = [...document.querySelectorAll("mark")].map((mark) => mark.firstChild.textContent);
  return { answers, marks, error: document.getElementById("error").textContent };
})"""


def texts():
    lines = COMMANDS.read_text(encoding="utf-8").splitlines()[:200]
    found = [json.loads(line)["text"] for line in lines]
    return [*found, "👍🏽 wake Anna in São Paulo", "z" * 300, "wake anna in Lisbon, please. " * 40]


def check_answers(found, expected):
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys()
        if "entities" in theirs:
            assert [(e["label"], e["start"], e["end"], e["text"]) for e in ours["entities"]] == [
                (e["label"], e["start"], e["end"], e["text"]) for e in theirs["entities"]
            ]
            scores = [(a["score"], b["score"]) for a, b in zip(ours["entities"], theirs["entities"], strict=True)]
        else:
            assert ours["label"] == theirs["label"]
            scores = [(ours["scores"][label], theirs["scores"][label]) for label in theirs["scores"]]
        assert all(abs(a - b) < 1e-3 for a, b in scores)


@needs_browser
@pytest.mark.parametrize("name", ["classification", "token_classification", "xlnet"])
def test_page_answers_as_python_and_asks_nobody(name, models, origin, browser):
    given = texts()
    expected = pipeline.load(models[name]).predict([(text,) for text in given])
    if name == "classification":
        browser.open(f"{origin}/?model={name}.tflite")
    else:
        browser.open(f"{origin}/")
        browser.choose_file("#model", models[name])
    assert browser.evaluate(LOADED).startswith(f"{name}.tflite: ")
    loaded = len(browser.requests())
    found = browser.evaluate(f"{TYPE}({json.dumps(given)})")
    check_answers(found["answers"], expected)
    assert found["marks"] == [entity["text"] for entity in expected[-1].get("entities", ())]
    browser.set_offline(True)
    check_answers(browser.evaluate(f"{TYPE}({json.dumps(given[::5])})")["answers"], expected[::5])
    # Whoever adds a request has to say why: all is loaded before the first text is typed.
    assert len(browser.requests()) == loaded
    assert all(address.startswith(f"{origin}/") for address in browser.requests())
    assert not browser.complaints()


@needs_browser
def test_policy_allows_the_own_origin_alone(origin, browser):
    browser.open(f"{origin}/")
    other = origin.replace("127.0.0.1", "localhost")
    assert browser.evaluate(f"fetch('{other}/style.css').then(() => 'sent', () => 'refused')") == "refused"
    assert any("Content Security Policy" in complaint for complaint in browser.complaints())
    browser.open(f"{origin}/?model={other}/classification.tflite")
    assert "is of another origin" in browser.evaluate(LOADED)


@needs_browser
def test_files_that_are_none_are_refused_in_one_line(models, origin, browser, tmp_path):
    content = models["classification"].read_bytes()
    (tmp_path / "cut.tflite").write_bytes(content[:-100])
    (tmp_path / "text.tflite").write_text("not a model")
    (tmp_path / "empty.tflite").write_bytes(b"")
    files = metadata.read(models["classification"])
    with zipfile.ZipFile(tmp_path / "version.tflite", "w") as archive:
        archive.writestr(metadata.ABOUT, json.dumps({**files[metadata.ABOUT], "version": 2}))
    with zipfile.ZipFile(tmp_path / "other.tflite", "w") as archive:
        archive.writestr(metadata.ABOUT, json.dumps({**files[metadata.ABOUT], "model": None}))
        archive.writestr(metadata.VOCABULARY, files[metadata.VOCABULARY])
    with zipfile.ZipFile(tmp_path / "damaged.tflite", "w") as archive:
        archive.writestr(metadata.ABOUT, json.dumps({**files[metadata.ABOUT], "model": {"bytes": 8, "sha256": "0"}}))
    for name, message in {
        "cut": "cut.tflite is cut off, or is no file that kbs-export wrote",
        "text": "text.tflite is cut off, or is no file that kbs-export wrote",
        "empty": "empty.tflite is cut off, or is no file that kbs-export wrote",
        "version": "version.tflite has metadata of version 2; expected version 1",
        "damaged": "damaged.tflite is damaged: its model is not the one that kbs-export wrote",
        "other": "other.tflite is no TFLite model that runs here",
    }.items():
        browser.open(f"{origin}/")
        browser.choose_file("#model", tmp_path / f"{name}.tflite")
        assert message in browser.evaluate(LOADED)
    # After a wrong file a right one is read.
    browser.choose_file("#model", models["classification"])
    assert browser.evaluate("new Promise((done) => setTimeout(done, 200))") is None
    assert "ids a row" in browser.evaluate(LOADED)
