"""Text files to documents and sentences, in every layout."""

import pytest

from keras_bert_suite import InputError
from keras_bert_suite.data import documents

WIKITEXT = """
 = Lobster =

 A lobster is a crustacean . It is blue .

 = = Life = =

 Dr. Smith of H. americanus fame saw it . " Really ? " he asked .
 = Crab =
 A crab walks .
"""


def read(text, layout, part_bytes=10**6):
    """The sentences of each part of each document."""
    data = text.encode()
    return [
        [documents.sentences(documents.text_of(data, *part, "x"), layout) for part in parts]
        for parts in documents.spans(data, layout, part_bytes)
    ]


def test_layouts():
    text = "\ufeffOne  two.\r\nThree four.\r\n \r\n\nFive. Six.\n"
    assert read(text, "sentences") == [[["One two.", "Three four."]], [["Five. Six."]]]
    assert read(text, "paragraphs") == [[["One two.", "Three four."]], [["Five.", "Six."]]]
    assert read(text, "documents") == [[["One two."]], [["Three four."]], [["Five.", "Six."]]]
    assert read("One\ntwo. Three\n\nfour", "prose") == [[["One two.", "Three", "four"]]]
    lobster = ["A lobster is a crustacean .", "It is blue .", "Dr. Smith of H. americanus fame saw it ."]
    assert read(WIKITEXT, "wikitext") == [[[*lobster, '" Really ? " he asked .']], [["A crab walks ."]]]
    assert all(read(text, layout) == [] for text in ("", " \n\n\t") for layout in documents.LAYOUTS)


def test_sentences_of_prose():
    text = (
        '"Stop!" cried Mr. Hyde. He ran... "Why?" asked J. R. Smith, i.e. the squire. It cost 3.5 pounds (or less.) '
        "So did I. Then it ended"
    )
    assert documents.split(text) == [
        '"Stop!" cried Mr. Hyde.',
        "He ran...",
        '"Why?" asked J. R. Smith, i.e. the squire.',
        "It cost 3.5 pounds (or less.)",
        "So did I.",
        "Then it ended",
    ]
    assert documents.split("时至9月。博物馆！“真的？”他问。") == ["时至9月。", "博物馆！", "“真的？”", "他问。"]
    assert documents.split("Он пришёл. Она ушла. и т. д. было") == ["Он пришёл.", "Она ушла. и т. д. было"]


def test_long_documents_are_cut_and_nothing_is_lost():
    text = "".join(f"Sentence {i} is here.\nIt goes\non.\n" for i in range(1000))
    whole = read(text, "prose")[0]
    cut = read(text, "prose", 2000)[0]
    assert len(whole) == 1 and 15 <= len(cut) <= 20
    assert [sentence for part in cut for sentence in part] == whole[0]


def test_bad_input(tmp_path):
    with pytest.raises(InputError, match="is no UTF-8 text .byte 7"):
        documents.text_of(b"0123456\xff", 2, 8, "x.txt")
    with pytest.raises(InputError, match="No file matches .*nothing"):
        documents.files_of([tmp_path / "nothing*.txt"])
