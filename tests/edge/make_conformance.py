"""Makes the vectors of edge/conformance and the tables of Unicode that ports use; see its README.md for their form.

    pip install sentencepiece
    python -m tests.edge.make_conformance

The vocabularies are trained here, on the bundled commands and the texts below; `sentencepiece` makes two of them.
"""

import base64
import io
import json
import random
import re
import tempfile
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import sentencepiece
import tokenizers
from tokenizers import normalizers, pre_tokenizers

from keras_bert_suite import Tokenizer
from keras_bert_suite.data import assistant_commands
from keras_bert_suite.edge import metadata
from keras_bert_suite.tasks.decoding import TOKEN_OUTPUTS, decode
from keras_bert_suite.tasks.inputs import Input, rows
from keras_bert_suite.tokenizers import characters
from keras_bert_suite.tokenizers.words import is_word
from tests.edge.test_conformance import plain

FOLDER = Path(__file__).parents[2] / "edge/conformance"
VERSION = 1
TEXTS = [
    "",
    " ",
    "a",
    "Wake me at 6:45 on Friday, please!",
    "Play some jazz in Lisbon (not too loud).",
    "Anna's friend didn't say it's 3.14 or 1,000,000.",
    "São Paulo, Zürich, Kraków, Đà Nẵng, İstanbul, Ærø",
    "ÀÉÎÕÜ àéîõü e\u0301 o\u0308\u0304 \u0301",
    "ΑΣ Σίσυφος ΣΑΣ ς",
    "Straße STRASSE ẞ ﬁ ﬂ ŉ ǆ ǅ",
    "Москва Ёлка ёлка Й",
    "东京都 中文字符和 English 混合 ﾊﾝｶｸ カタカナ ｶﾞ",
    "한국어 각 \u1100\u1161\u11a8 안녕하세요",
    "हिन्दी में किताब தமிழ் ไทยภาษา",
    "مرحبا بالعالم שָׁלוֹם עולם",
    "😀😀 👍🏽 👨\u200d👩\u200d👧 🇵🇹 ❤\ufe0f",
    "tab\there\nnew\r\nline\u00a0nbsp\u3000wide\u2028ls\u2029ps\u0085nel\u200bzero\ufeffbom",
    "\x00nul \x01ctl\x7f \x1b[0m \u00ad\u2060 \ufffd",
    "``quotes'' “curly” ‘single’ «angle» — dash … ellipsis",
    "price: $5, €6, £7, ¥8 + 20% & more @home #tag ~x^2 `code` a|b <x> =y",
    "x" * 101 + " " + "y" * 100 + " zz",
    "[CLS] a [SEP] [MASK] <mask> <s> </s> [UNK] <unk> [PAD]",
    "½ ² ③ Ⅳ ㎏ ℃ ™ ﷺ",
    "\U0001d400\U0001d7d8 \U00020000 \U0010ffff \ufdd0",
    "a\u0300\u0316b \u0316\u0300c \u0f71\u0f72\u0f74",
    "▁a▁▁b ▁ Ġ Ċ",
    "don't DON'T I'll we've they're he'd I'm cat's 's 'S",
    "   leading and trailing   ",
    "many     spaces  in\t\t between",
    "word" * 60,
]
BLOCKS = [(0x20, 0x7F), (0xA0, 0x250), (0x300, 0x370), (0x370, 0x530), (0x590, 0x700), (0x900, 0xA00), (0xE00, 0xE80)]
BLOCKS += [(0x1100, 0x1200), (0x1E00, 0x2000), (0x2000, 0x2C00), (0x3000, 0x3200), (0x4E00, 0x5000), (0xAC00, 0xAD00)]
BLOCKS += [(0xF900, 0xFB50), (0xFE00, 0x10000), (0x1D400, 0x1D500), (0x1F300, 0x1F700), (0x20000, 0x20100)]


def random_texts(count):
    """Strings of words from random blocks of Unicode."""
    draw, found = random.Random(0), []
    for _ in range(count):
        words = []
        for _ in range(draw.randint(1, 6)):
            low, high = draw.choice(BLOCKS if draw.random() < 0.7 else BLOCKS[:2])
            words.append("".join(chr(draw.randrange(low, high)) for _ in range(draw.randint(1, 7))))
        found.append(draw.choice([" ", " ", "", "  "]).join(words))
    return found


def commands():
    """The texts of the bundled data set, their words with capitals now and then."""
    draw = random.Random(1)
    lines = (Path(assistant_commands.__file__).parent / "train.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    return [text.title() if draw.random() < 0.2 else text for text in texts]


def word_pieces():
    words = Counter(word for text in [*commands(), *TEXTS] for word in re.findall(r"\w+", text))
    characters_ = sorted({character for text in TEXTS[2:] for character in text if not character.isspace()})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters_, *(f"##{c}" for c in characters_)]
    pieces += [word for word, _ in sorted(words.items(), key=lambda item: (-item[1], item[0]))[:300]]
    pieces += ["##ing", "##ed", "##er", "##on", "##Anna", "##\u0301n"]
    return Tokenizer(list(dict.fromkeys(pieces)), lowercase=False, strip_accents=False)


def byte_pairs(folder):
    engine = tokenizers.ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    engine.train_from_iterator(commands(), 900, 2, special_tokens=special, show_progress=False)
    engine.save_model(str(folder))
    return _with_class(folder, "RobertaTokenizer")


def unigram(folder, kind):
    model = io.BytesIO()
    special = {
        "AlbertTokenizer": {"user_defined_symbols": "[CLS],[SEP],[MASK]", "bos_id": -1, "eos_id": -1, "pad_id": 0,
                            "unk_id": 1, "pad_piece": "<pad>"},
        "XLNetTokenizer": {"control_symbols": "<cls>,<sep>,<pad>,<mask>,<eod>,<eop>"},
        "XLMRobertaTokenizer": {},
    }[kind]  # fmt: skip
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*commands(), *TEXTS[3:20]]),
        model_writer=model,
        vocab_size=600,
        normalization_rule_name="identity" if kind == "XLNetTokenizer" else "nmt_nfkc",
        character_coverage=0.98,
        minloglevel=2,
        **special,
    )
    (folder / "spiece.model").write_bytes(model.getvalue())
    return _with_class(folder, kind)


def spelled(folder, kind):
    """A SentencePiece model of no family that spells in bytes the characters that it has no piece for."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*commands(), *TEXTS[3:20]]),
        model_writer=model,
        model_type=kind,
        vocab_size=900,
        character_coverage=0.98,
        normalization_rule_name="identity",
        byte_fallback=True,
        control_symbols="[CLS],[SEP],[MASK]",
        minloglevel=2,
    )
    (folder / "spiece.model").write_bytes(model.getvalue())
    return Tokenizer.from_preset(folder)


def spelled_without_words(folder):
    """The same as Llama's `tokenizer.json` has it: spaces are marked by normalizers, and a text is one word."""
    state = json.loads(spelled(folder, "bpe").files()["tokenizer.json"])
    mark = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    state["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, mark]}
    state["pre_tokenizer"] = None
    (folder / "spiece.model").unlink()
    (folder / "tokenizer.json").write_text(json.dumps(state))
    return Tokenizer.from_preset(folder)


def _with_class(folder, kind):
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind}))
    return Tokenizer.from_preset(folder)


def all_tokenizers():
    """Tokenizers by the names of their vectors."""
    found = {"wordpiece_uncased": Tokenizer.from_preset("kbs_tiny_en"), "wordpiece_cased": word_pieces()}
    makers = {"byte_bpe": byte_pairs}
    for name, kind in {
        "albert": "AlbertTokenizer",
        "xlnet": "XLNetTokenizer",
        "xlm_roberta": "XLMRobertaTokenizer",
    }.items():
        makers[f"unigram_{name}"] = lambda folder, kind=kind: unigram(folder, kind)
    for kind in ("bpe", "unigram"):
        makers[f"{kind}_bytes"] = lambda folder, kind=kind: spelled(folder, kind)
    makers["bpe_bytes_one_word"] = spelled_without_words
    for name, make in makers.items():
        with tempfile.TemporaryDirectory() as folder:
            found[name] = make(Path(folder))
    return found


def tokenizer_vectors(tokenizer):
    """The object of a tokenizer's file."""
    about, files = metadata.tokenizer_files(tokenizer)
    texts = TEXTS + random_texts(120)
    cases = [{"text": text} for text in texts]
    cases += [{"text": text, "max_length": 8} for text in TEXTS[3:16]]
    cases += [{"text": a, "pair": b} for a, b in zip(TEXTS[:12], TEXTS[12:24], strict=True)]
    cases += [{"text": a, "pair": b, "max_length": 13} for a, b in zip(TEXTS[3:14], TEXTS[5:16], strict=True)]
    for case in cases:
        encoding = tokenizer.encode(case["text"], case.get("pair"), case.get("max_length"))
        case["encoding"] = plain(encoding)
    windows = [{"text": TEXTS[5], "max_length": 12, "stride": 4}, {"text": "", "max_length": 12, "stride": 4}]
    windows.append({"text": TEXTS[3], "pair": " ".join(TEXTS[4:8]), "max_length": 40, "stride": 6})
    for case in windows:
        pairs = [case["pair"]] if "pair" in case else None
        found = tokenizer.windows([case["text"]], pairs, case["max_length"], case["stride"])[0]
        case["encodings"] = [plain(encoding) for encoding in found]
    arrays = []
    for length in (8, 16):
        encodings = tokenizer.encode_batch(TEXTS[2:5], None, 8)
        made = tokenizer.arrays(encodings, length)
        arrays.append({"texts": TEXTS[2:5], "max_length": 8, "length": length,
                       "arrays": {name: array.tolist() for name, array in made.items()}})  # fmt: skip
    return {"version": VERSION, "kind": "tokenizer", "tokenizer": about, "files": files, "cases": cases,
            "windows": windows, "arrays": arrays}  # fmt: skip


TAGS = ["O", "B-city", "I-city", "B-time", "I-time"]
LONG = " ".join(TEXTS[3:6]) + " Wake Anna in São Paulo at 6:45."
_TEXT = [Input("Wake me in Lisbon at 6:45"), Input(""), Input("a"), Input("👍🏽 São Paulo"), Input(LONG)]
_PAIRS = [
    Input("Where is Anna?", LONG),
    Input("Who?", "Anna"),
    Input("x", " "),
    Input("When does she wake? " * 9, LONG),
]
_CHOICES = [Input("Wake me", None, ("at six", "", "in São Paulo")), Input("a", None, ("b",))]
TASKS = [
    ({"name": "classification", "problem": "single_label", "labels": ["alarm", "music", "other"]}, 24, _TEXT),
    ({"name": "classification", "problem": "single_label", "labels": ["no", "yes"]}, 24, _PAIRS[1:3]),
    ({"name": "classification", "problem": "multi_label", "labels": ["a", "b", "c"]}, 24, _TEXT),
    ({"name": "classification", "problem": "ordinal", "labels": ["1", "2", "3"]}, 24, _TEXT),
    ({"name": "classification", "problem": "regression", "labels": ["value"]}, 24, _TEXT),
    *(
        ({"name": "classification", "problem": problem, "labels": labels, "stride": 4, "pool": pool}, 16, _TEXT)
        for problem, labels, pool in (
            ("single_label", ["alarm", "music"], "mean"),
            ("multi_label", ["a", "b"], "max"),
            ("ordinal", ["1", "2", "3"], "attention"),
            ("regression", ["value"], "mean"),
        )
    ),
    ({"name": "token_classification", "labels": TAGS}, 24, _TEXT),
    ({"name": "token_classification", "labels": TAGS, "stride": 6}, 16, _TEXT),
    ({"name": "intent_slots", "labels": ["alarm", "music"], "tags": TAGS}, 24, _TEXT),
    ({"name": "question_answering", "stride": 8, "max_answer_pieces": 6, "null_answers": True, "null_threshold": 0.5},
     32, _PAIRS),
    ({"name": "question_answering", "stride": 8, "max_answer_pieces": 30, "null_answers": False,
      "null_threshold": 0.0}, 32, _PAIRS),
    ({"name": "multiple_choice"}, 24, [*_CHOICES, Input("She ran.", "Then she", ("slept.", "rose."))]),
    ({"name": "ranking", "objective": "pointwise"}, 24, [*_CHOICES, *_PAIRS[1:2]]),
    ({"name": "similarity", "objective": "cosent"}, 24, [Input("a"), *_CHOICES, *_PAIRS[1:2]]),
]  # fmt: skip


def outputs_of(task, length, draw):
    """What a model might give for a row of this many ids, rounded so that JSON holds it exactly."""
    labels = len(task.get("labels", ()))

    def chances(*shape):
        logits = draw.normal(size=shape) * 2
        return np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)

    if task["name"] == "token_classification":
        found = {"scores": chances(length, labels)}
    elif task["name"] == "intent_slots":
        found = {"scores": chances(labels), "tag_scores": chances(length, len(task["tags"]))}
    elif task["name"] == "question_answering":
        found = {"start_scores": draw.normal(size=length) * 3, "end_scores": draw.normal(size=length) * 3}
    elif task["name"] == "similarity":
        found = {"embedding": draw.normal(size=6)}
    elif task["name"] != "classification":
        found = {"scores": draw.random(1)}
    elif task["problem"] == "single_label":
        found = {"scores": chances(labels)}
    else:
        found = {"scores": draw.random(labels - 1 if task["problem"] == "ordinal" else labels)}
    if task.get("pool") == "attention":
        found["weight"] = draw.normal(size=1)
    return {name: np.round(value, 6) for name, value in found.items()}


def decoder_vectors(tokenizer):
    """The object of the decoders' file."""
    draw, groups = np.random.default_rng(0), []
    for task, max_length, inputs in TASKS:
        cases = []
        for item in inputs:
            found = rows(task, tokenizer, [item], max_length)[0]
            outputs = [outputs_of(task, len(encoding.ids), draw) for encoding in found.encodings]
            cases.append(
                {
                    "text": item.text,
                    **({} if item.pair is None else {"pair": item.pair}),
                    **({} if item.choices is None else {"choices": item.choices}),
                    "rows": [{"ids": e.ids, "segment_ids": e.segment_ids} for e in found.encodings],
                    "outputs": [{name: value.tolist() for name, value in one.items()} for one in outputs],
                    "answer": decode(task, outputs, found, item),
                }
            )
        groups.append({"task": task, "max_length": max_length, "cases": cases})
    return {"version": VERSION, "kind": "decoders", "tokenizer": "wordpiece_uncased", "token_outputs": TOKEN_OUTPUTS,
            "groups": groups}  # fmt: skip


def ranges(flags):
    """The code points where an array is true, as inclusive ranges."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.asarray(flags), [False]]).astype("int8")))
    return [[int(first), int(last) - 1] for first, last in edges.reshape(-1, 2)]


def changed(normalizer):
    """What a normalizer makes of each code point that it changes, but for Hangul, which has a rule."""
    found = characters.Replacements.of(normalizer)
    points = [point for point in np.flatnonzero(found.rows).tolist() if not 0xAC00 <= point < 0xD7A4]
    return {f"{point:x}": found.texts[found.rows[point]] for point in points}


def flags_of(predicate):
    return ranges(_flags([ord(character) for character in characters.all_characters() if predicate(character)]))


def removed_by(normalizer):
    found = characters.Replacements.of(normalizer)
    return ranges([row > 0 and not found.texts[row] for row in found.rows])


def matched(pattern):
    """The characters that a pattern of the library's regular expressions matches."""
    remove = normalizers.Replace(tokenizers.Regex(pattern), "")
    return flags_of(lambda character: not remove.normalize_str(character))


def reordered():
    """The characters that the library puts in canonical order; of those added to Unicode late it knows no class."""
    lowest, highest = "\u0334", "\u0345"  # of the classes 1 and 240
    between = "\U00013000"
    points = [character for character in characters.all_characters() if unicodedata.combining(character)]
    text = between.join(f"{point}{lowest}{between}{highest}{point}" for point in points)
    found = normalizers.NFD().normalize_str(text).split(between)
    pairs = zip(points, found[::2], found[1::2], strict=True)
    return [point for point, first, last in pairs if first[0] != point or last[-1] != point]


def graphemes(charsmap):
    """How characters make graphemes: which join the one before, which the one behind, and which neither takes marks.

    Of a grapheme of five bytes, an ellipsis or a joiner with an accent, the map drops the accent; it leaves it where
    one more character makes the grapheme longer.
    """
    normalizer, between = normalizers.Precompiled(base64.b64decode(charsmap)), "\U00013000"
    accent = "\u0301"
    points = [character for character in characters.all_characters() if character != between]

    def accents(before, after):
        text = between.join(before + point + after for point in points)
        return np.array([part.count(accent) for part in normalizer.normalize_str(text).split(between)])

    alone, ellipsis, joiner = accents("", ""), "\u2026" + accent, "\u200c" + accent
    found = {
        "marks": accents(ellipsis, "") > alone,
        "prepended": accents("", ellipsis) > alone,
        "controls": accents("", joiner) == alone,
    }
    return {name: ranges(_flags([ord(points[i]) for i in np.flatnonzero(are)])) for name, are in found.items()}


def unicode_tables(charsmap):
    """What ports need to know of Unicode, as the `tokenizers` library has it."""
    spaces, alone = characters.kinds(pre_tokenizers.BertPreTokenizer())
    cleaned = normalizers.BertNormalizer(True, False, False, False)
    chinese = normalizers.BertNormalizer(False, True, False, False)
    made = characters.Replacements.of(cleaned)
    padded = characters.Replacements.of(chinese)
    classes = {}
    for character in reordered():
        classes.setdefault(str(unicodedata.combining(character)), []).append(ord(character))
    return {
        "version": VERSION,
        "lowercase": changed(normalizers.Lowercase()),
        "nfd": changed(normalizers.NFD()),
        "nfkd": changed(normalizers.NFKD()),
        "combining": {number: ranges(_flags(points)) for number, points in sorted(classes.items())},
        "nonspacing": removed_by(normalizers.StripAccents()),
        "accents": removed_by(normalizers.BertNormalizer(False, False, True, False)),
        "removed": removed_by(cleaned),
        "spaces": ranges([row > 0 and made.texts[row] == " " for row in made.rows] | _flags([32])),
        "white": ranges(characters.kinds(pre_tokenizers.WhitespaceSplit())[0]),
        "blank": flags_of(str.isspace),
        "alone": ranges(alone),
        "chinese": ranges(padded.rows > 0),
        "words": flags_of(is_word),
        "letters": matched(r"\p{L}"),
        "numbers": matched(r"\p{N}"),
        "regex_spaces": matched(r"\s"),
        **graphemes(charsmap),
    }


def _flags(points):
    flags = np.zeros(characters.CODE_POINTS, bool)
    flags[points] = True
    return flags


def write(name, value):
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    # A line a case, so that a change shows what it changes.
    text = text.replace('},{"text"', '},\n{"text"').replace('"cases":[', '"cases":[\n')
    (FOLDER / name).write_text(text + "\n")
    print(f"{name}: {len(text):,} bytes")


def main():
    found = all_tokenizers()
    for name, tokenizer in found.items():
        write(f"tokenizer_{name}.json", tokenizer_vectors(tokenizer))
    write("decoders.json", decoder_vectors(found["wordpiece_uncased"]))
    state = json.loads(found["unigram_xlm_roberta"].files()["tokenizer.json"])
    steps = state["normalizer"].get("normalizers", [state["normalizer"]])
    write("unicode.json", unicode_tables(next(s["precompiled_charsmap"] for s in steps if s["type"] == "Precompiled")))


if __name__ == "__main__":
    main()
