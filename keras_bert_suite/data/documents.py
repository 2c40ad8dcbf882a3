"""Text files to documents, and documents to sentences.

A layout says how a file is to be read:

- `sentences`: a sentence a line, blank lines between documents.
- `paragraphs`: a paragraph a line, blank lines between documents.
- `documents`: a document a line.
- `prose`: running text, its lines broken anywhere, blank lines between paragraphs; a file is a document.
- `wikitext`: WikiText's, a paragraph a line; ` = Title = ` begins a document, and headings are left out.

A document is a list of parts, ranges of the file's bytes, so that long ones can be spread: a part ends where a line or
a sentence does. Files are UTF-8, and are mapped into memory, not read as a whole.
"""

import glob
import mmap
import re
from pathlib import Path

from keras_bert_suite.errors import InputError

_LINE = re.compile(rb"\n")
_DOCUMENT_ENDS = {
    "sentences": re.compile(rb"\n[ \t\r\f\v]*\n\s*"),
    "paragraphs": re.compile(rb"\n[ \t\r\f\v]*\n\s*"),
    "documents": re.compile(rb"\n\s*"),
    "wikitext": re.compile(rb"\n(?= ?= (?!=)[^\n]* = *\r?(?:\n|\Z))"),
}
_PART_ENDS = {
    "sentences": _LINE,
    "paragraphs": _LINE,
    "wikitext": _LINE,
    # A blank line; or a line that ends with a sentence, of Latin or Chinese script, and quotes or brackets after it.
    "prose": re.compile(
        rb"\n[ \t\r\f\v]*\n|(?:[.!?]|\xe2\x80\xa6|\xe3\x80\x82|\xef\xbc[\x81\x9f])"
        rb"(?:[\"')\]]|\xe2\x80[\x99\x9d]|\xe3\x80\x8d)*[ \t\r\f\v]*\n"
    ),
}
LAYOUTS = ("sentences", "paragraphs", "documents", "prose", "wikitext")
_HEADING = re.compile(r"\s*(=(?: =)*) .* \1\s*")
_PARAGRAPH = re.compile(r"\n\s*\n")
# Where a sentence may end: spaces after its mark and closing quotes, or a Chinese or Japanese mark.
_END = re.compile(r"""[.!?…]["'”’»)\]]*( )|[。！？]["'”’」』》）]*( ?)(?=.)""")
_OPENING = " \"'“‘«([「『《（"
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st rev hon gen col capt lt sgt maj sr jr vs etc cf e.g i.e no vol pp fig eq al ca approx "
    "jan feb mar apr jun jul aug sep sept oct nov dec inc ltd co corp dept mme mlle messrs viz "
    "z.b d.h u.a bzw usw hr fr nr bd".split()
)


def files_of(patterns):
    """The files of patterns such as `text/*.txt`, sorted, each once.

    Raises:
        InputError: a pattern matches no file.
    """
    found = []
    for pattern in patterns:
        matching = sorted(path for path in glob.glob(str(pattern), recursive=True) if Path(path).is_file())
        if not matching:
            raise InputError(f"No file matches {pattern}; expected text files, as --text='text/*.txt'.")
        found += matching
    return list(dict.fromkeys(found))


def opened(path):
    """The bytes of a file, mapped into memory; those of an empty file are `b""`."""
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if Path(path).stat().st_size else b""


def spans(data, layout, part_bytes):
    """Where the documents of a file are.

    Args:
        data: the bytes of the file.
        layout: one of `LAYOUTS`.
        part_bytes: a document that is longer is cut into parts of about so many bytes.

    Yields:
        For each document that is more than white space the list of its parts, `(start, end)` in bytes.
    """
    start, size = 3 if data[:3] == b"\xef\xbb\xbf" else 0, len(data)
    ends = _DOCUMENT_ENDS[layout].finditer(data, start) if layout in _DOCUMENT_ENDS else ()
    for begin, end in _between(((match.start(), match.end()) for match in ends), start, size):
        parts = []
        while _PART_ENDS.get(layout) and end - begin > part_bytes:
            match = _PART_ENDS[layout].search(data, begin + part_bytes, end)
            if match is None:
                break
            parts.append((begin, match.end()))
            begin = match.end()
        parts = [part for part in (*parts, (begin, end)) if data[slice(*part)].strip()]
        if parts:
            yield parts


def lines(data):
    """Where the lines of a file are, blank ones too, as `(start, end)` in bytes without the line's end."""
    start, size = 3 if data[:3] == b"\xef\xbb\xbf" else 0, len(data)
    ends = ((match.start(), match.end()) for match in _LINE.finditer(data, start))
    return [span for span in _between(ends, start, size) if span[0] < size]


def _between(matches, start, size):
    """What is between ranges."""
    for begin, end in matches:
        yield start, begin
        start = end
    yield start, size


def text_of(data, start, end, path):
    """A range of a file as a string.

    Raises:
        InputError: it is not UTF-8.
    """
    try:
        return data[start:end].decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no UTF-8 text (byte {start + error.start}); expected UTF-8.") from None


def sentences(text, layout):
    """The sentences of a part of a document: a list of strings without white space but single spaces."""
    if layout == "sentences" and _is_even(text.replace("\n", "")) and " \n" not in text and "\n " not in text:
        return list(filter(None, text.split("\n")))
    found = paragraphs(text, layout)
    return found if layout == "sentences" else [sentence for paragraph in found for sentence in split(paragraph)]


def paragraphs(text, layout):
    """The paragraphs of a part of a document, or the lines that it has in their place; likewise."""
    found = _PARAGRAPH.split(text) if layout == "prose" else text.split("\n")
    if layout == "wikitext":
        found = [line for line in found if not _HEADING.fullmatch(line)]
    return list(filter(None, map(even, found)))


def even(text):
    """A text with single spaces for all white space, and none at its ends."""
    text = text.replace("\r\n", " ").replace("\n", " ")
    return text if _is_even(text) else " ".join(text.split())


def _is_even(text):
    # White space but the space itself is not printable; other characters that are not may be there for nothing.
    return text.isprintable() and "  " not in text and text[:1] != " " != text[-1:]


def split(paragraph):
    """The sentences of a paragraph.

    A sentence ends at a full stop, a question or an exclamation mark, with the quotes and brackets after it, where the
    next word does not begin with a small letter and the word before is no initial or usual abbreviation.
    """
    found, start = [], 0
    for match in _END.finditer(paragraph):
        end = match.end()
        if paragraph[end : end + 4].lstrip(_OPENING)[:1].islower():
            continue
        if paragraph[match.start()] == ".":
            word = paragraph[max(start, paragraph.rfind(" ", 0, match.start()) + 1) : match.start()].lstrip(_OPENING)
            if (len(word) == 1 and word.isupper() and word != "I") or word.lower() in _ABBREVIATIONS:
                continue
        found.append(paragraph[start:end].rstrip(" "))
        start = end
    if start < len(paragraph):
        found.append(paragraph[start:])
    return found
