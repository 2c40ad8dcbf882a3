"""The Java library of edge/android: it compiles, all vectors, random texts, and files as kbs-export writes them."""

import io
import json
import random
import shutil
import subprocess
import unicodedata
import zipfile
from pathlib import Path

import pytest

from keras_bert_suite import Tokenizer
from keras_bert_suite.edge import metadata
from tests.edge.test_conformance import plain

EDGE = Path(__file__).parents[2] / "edge"
VECTORS = EDGE / "conformance"
SOURCES = sorted((EDGE / "android/library/src").rglob("*.java"))
RANDOM_TEXTS = 4000

pytestmark = pytest.mark.skipif(
    shutil.which("javac") is None or shutil.which("java") is None, reason="needs a JDK: javac and java"
)


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    """A folder with the compiled library, its tests and its resource."""
    folder = tmp_path_factory.mktemp("classes")
    # Not the lint "options", which only says that a newer javac will drop the release.
    flags = ["-Xlint:all,-options", "-Werror", "--release", "8", "-encoding", "UTF-8"]
    made = subprocess.run(
        ["javac", *flags, "-d", folder, *SOURCES], capture_output=True, encoding="utf-8", check=False
    )
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    shutil.copy(VECTORS / "unicode.json", folder / "kerasbertsuite")
    return folder


def java(classes, name, *arguments):
    """The exit status and the lines of a class's `main`."""
    command = ["java", "-Dfile.encoding=UTF-8", "-cp", classes, f"kerasbertsuite.{name}", *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_vectors(classes):
    status, lines = java(classes, "Conformance", VECTORS)
    assert status == 0, "\n".join(lines)
    assert [line.split(":")[0] for line in lines] == sorted(
        path.name for path in VECTORS.glob("*.json") if path.name != "unicode.json"
    )


def test_a_difference_is_said(classes, tmp_path):
    vectors = json.loads((VECTORS / "tokenizer_wordpiece_cased.json").read_text(encoding="utf-8"))
    case = next(case for case in vectors["cases"] if case["text"] == "a")
    case["encoding"]["ids"][1] += 1
    (tmp_path / "changed.json").write_text(json.dumps(vectors), encoding="utf-8")
    status, lines = java(classes, "Conformance", tmp_path / "changed.json")
    wrong = case["encoding"]["ids"][1]
    assert status == 1
    assert lines[1] == f'  "a" ids 1: expected {wrong}, got {wrong - 1}'
    assert java(classes, "Conformance", tmp_path / "none.txt")[0] == 1


def random_texts(count):
    """Texts of any characters but surrogates: of all code points, of each category as often, of marks, of Latin."""
    draw = random.Random(0)
    points = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    categories = {}
    for character in points:
        categories.setdefault(unicodedata.category(character), []).append(character)
    categories = list(categories.values())
    marks = [character for character in points if unicodedata.combining(character)]
    latin = [chr(point) for point in range(0x20, 0x250)]
    special = ["[CLS]", "[MASK]", "[unused1]", " ", "  ", "\t", "\r\n"]

    def part():
        kind = draw.randrange(6)
        if kind == 0:
            return draw.choice(special)
        return draw.choice((points, draw.choice(categories), marks, latin, latin)[kind - 1])

    return ["".join(part() for _ in range(draw.randint(1, 24))) for _ in range(count)]


def test_random_texts(classes, tmp_path):
    tokenizer = Tokenizer.from_preset("kbs_tiny_en")
    about, files = metadata.tokenizer_files(tokenizer)
    texts = random_texts(RANDOM_TEXTS)
    cases = [
        {"text": text, "encoding": plain(encoding)}
        for text, encoding in zip(texts, tokenizer.encode_batch(texts), strict=True)
    ]
    vectors = {"version": 1, "kind": "tokenizer", "tokenizer": about, "files": files, "cases": cases}
    path = tmp_path / "random.json"
    path.write_text(json.dumps({**vectors, "windows": [], "arrays": []}), encoding="utf-8")
    status, lines = java(classes, "Conformance", path)
    assert (status, lines) == (0, [f"random.json: {RANDOM_TEXTS} of {RANDOM_TEXTS} equal"]), "\n".join(lines)


def model_file(about, files):
    """A flatbuffer of nothing and its archive, as `metadata.add` writes them."""
    whole = io.BytesIO(b"\x1c\x00\x00\x00TFL3" + bytes(40))
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_STORED) as archive:
        for name, text in {**files, metadata.LABELS: "a\nb\n", metadata.ABOUT: json.dumps(about)}.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text.encode("utf-8"))
    return whole.getvalue()


def test_files(classes, tmp_path):
    tokenizer = Tokenizer.from_preset("kbs_tiny_en")
    settings, files = metadata.tokenizer_files(tokenizer)
    about = {
        "version": 1,
        "task": {"name": "classification", "problem": "single_label", "labels": ["alarm", "music"]},
        "lengths": [16, 32],
        "max_length": 32,
        "tokenizer": settings,
    }
    content = model_file(about, files)
    steps = {"normalizer": {"type": "NFC"}, "model": {"type": "Unigram", "vocab": [["a", 0.0]]}}
    steps["model"]["unk_id"] = 0
    unknown = {**about, "tokenizer": {"files": ["tokenizer.json"]}}
    contents = {
        "whole": content,
        "cut_off": content[:-100],
        "cut_in_front": content[5000:],
        "changed": content.replace(b"\nthe\n", b"\nhte\n", 1),
        "other": b"no model at all",
        "empty": b"",
        "newer": model_file({**about, "version": 2}, files),
        "unknown_step": model_file(unknown, {"tokenizer.json": json.dumps(steps)}),
        "without_files": model_file(unknown, {"vocab.json": "{}"}),
    }
    cuts = {f"cut_{size}": content[:size] for size in range(1, len(content), len(content) // 20)}
    contents.update(cuts)
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    text = "Wake me in Lisbon 👍🏽 at 6:45"
    names = [*contents, "missing"]
    status, lines = java(classes, "AskFile", text, *(tmp_path / name for name in names))
    found = dict(zip(names, (line.replace(f"{tmp_path}/", "") for line in lines), strict=True))
    assert status == 0
    ids = tokenizer.encode(text).ids
    assert found["whole"] == f"classification serving_length_16 serving_default {ids} alarm 1.0"
    broken = "is cut off, or is no file that kbs-export wrote: its metadata are not there."
    # A changed vocabulary is told by its checksum.
    for name in ("cut_off", "cut_in_front", "changed", "other", "empty", *cuts):
        assert found[name] == f"error: {name} {broken}"
    assert found["newer"] == "error: newer has metadata of version 2; this library reads version 1."
    assert found["unknown_step"].startswith("error: tokenizer.json has the normalizer NFC, which this library does")
    assert found["without_files"].startswith("error: The tokenizer is kept in [tokenizer.json]; this library reads")
    assert found["missing"].startswith("error: missing cannot be read: ")
