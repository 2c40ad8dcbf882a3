"""What a `.tflite` file says about itself: TFLite metadata for MediaPipe and the Task Library, and our JSON beside it.

A file with metadata is two things in one: a flatbuffer with a `TFLITE_METADATA` buffer and, from its end, a ZIP
archive with the files that the metadata name (`vocab.txt`, `labels.txt`) and `keras_bert_suite.json`, which holds all
that the pipeline needs: `version task lengths max_length tokenizer quantization figures license`; under `model` the
size and the SHA-256 of the flatbuffer, so that a damaged file is refused before the runtime's kernels read it; and
where the file was judged, `accuracy`: `examples`, and the figures `before` (the Keras model) and `after` (the file).

A model with early exit has `stages`, the number of its blocks (`runtime` says how they run), and the `speed` in its
`task`. One whose signature takes rows of any length has `dynamic_length`, and in `lengths` the longest. Both have the
`version` 2: what knows version 1 alone refuses the file.

MediaPipe cuts texts by a tokenizer of its own. Its vectors are ours for plain text; they differ with accents,
control characters, spaces that are not ASCII, or special pieces such as `[MASK]` written out.

The layout is that of TensorFlow's metadata schema 1.5 (`metadata_schema.fbs`); the numbers below are its fields.
"""

import hashlib
import io
import json
import zipfile
import zlib
from pathlib import Path

import flatbuffers

from keras_bert_suite.errors import InputError
from keras_bert_suite.tokenizers import Tokenizer

ABOUT = "keras_bert_suite.json"
VOCABULARY, LABELS = "vocab.txt", "labels.txt"
_INPUTS = {
    "input_word_ids": ("ids", "Token ids."),
    "input_mask": ("mask", "1 for a real token, 0 for padding."),
    "input_type_ids": ("segment_ids", "0 for the first text, 1 for the second."),
}
# What the clients of these tasks look for; an output of no task of theirs keeps its name.
_OUTPUTS = {
    "scores": ("probability", "The score of each label."),
    "embedding": ("embedding", "The text's vector."),
    "start_scores": ("start_logits", "How likely an answer starts at each id, as logits."),
    "end_scores": ("end_logits", "How likely an answer ends at each id, as logits."),
}
_LABELS_FILE, _VOCABULARY_FILE = 2, 5  # of the enumeration AssociatedFileType
_BERT_TOKENIZER = 4  # of the union ProcessUnitOptions


def tokenizer_files(tokenizer):
    """What `keras_bert_suite.json` says of a tokenizer, and the files that it is kept in.

    A BERT tokenizer is its vocabulary and a few settings, which MediaPipe reads too; any other is its own files.

    Returns:
        `(about, files)`: a dict; a dict from names to texts.
    """
    if tokenizer.kind == "wordpiece" and tokenizer.settings["convention"] == "bert":
        return tokenizer.settings, {VOCABULARY: "".join(piece + "\n" for piece in tokenizer.vocabulary)}
    files = tokenizer.files()
    return {"files": sorted(files)}, files


def tokenizer_of(files):
    """The `Tokenizer` of the files that `read` gave."""
    about = files[ABOUT]["tokenizer"]
    if "files" in about:
        return Tokenizer.from_files({name: files[name] for name in about["files"]})
    return Tokenizer(files[VOCABULARY].removesuffix("\n").split("\n"), **about)


def add(model, about, tokenizer, labels):
    """A model with its metadata and its files.

    Args:
        model: the bytes of a `.tflite`, as the converter gives.
        about: what `keras_bert_suite.json` holds, a dict.
        tokenizer: the files of the tokenizer, names to texts.
        labels: the labels, in the order of the output's last axis.

    Returns:
        The bytes of the whole file.
    """
    from tensorflow.lite.tools import flatbuffer_utils as utils

    content = utils.convert_bytearray_to_object(bytearray(model))
    graph = content.subgraphs[0]
    names = [graph.tensors[i].name.decode() for i in graph.inputs]
    inputs = [next(value for part, value in _INPUTS.items() if part in name) for name in names]
    signature = next(each for each in content.signatureDefs if each.subgraphIndex == 0)
    by_place = {output.tensorIndex: output.name.decode() for output in signature.outputs}
    outputs = [_OUTPUTS.get(by_place[i], (by_place[i], "")) for i in graph.outputs]
    vocabulary = VOCABULARY if "files" not in about["tokenizer"] else None
    _add_buffer(content, _metadata(about, inputs, outputs, vocabulary, labels))
    _share_scales(content)
    model = bytes(utils.convert_object_to_bytearray(content))
    about = {**about, "model": {"bytes": len(model), "sha256": hashlib.sha256(model).hexdigest()}}
    files = {
        **tokenizer,
        LABELS: "".join(label + "\n" for label in labels),
        ABOUT: json.dumps(about, indent=1, ensure_ascii=False),
    }
    whole = io.BytesIO(model)
    # Stored, not deflated: MediaPipe maps the files and refuses compressed ones. A fixed date: the same bytes again.
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text.encode("utf-8"))
    return whole.getvalue()


def read(path):
    """The files of a `.tflite` as texts, by name, with `keras_bert_suite.json` parsed.

    Raises:
        InputError: it is missing, cut off, damaged, or was not written by `kbs-export`.
    """
    try:
        content = Path(path).read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = {name: archive.read(name).decode("utf-8") for name in archive.namelist()}
        files[ABOUT] = json.loads(files[ABOUT])
        model = files[ABOUT]["model"]
        whole = hashlib.sha256(content[: model["bytes"]]).hexdigest() == model["sha256"]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    # What zipfile raises of an archive whose bytes were changed.
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, RuntimeError, EOFError, zlib.error):
        raise InputError(
            f"{path} is cut off, or is no file that kbs-export wrote: its metadata are not there."
        ) from None
    if not whole:
        raise InputError(f"{path} is damaged: its model is not the one that kbs-export wrote. Fetch it again.")
    return files


class _Shared:
    """A part of a flatbuffer that is written once and pointed at from wherever it is used."""

    def __init__(self, part):
        self.part, self.offset = part, None

    def Pack(self, builder):  # noqa: N802, the name that the schema's classes call
        if self.offset is None:
            self.offset = self.part.Pack(builder)
        return self.offset


def _share_scales(content):
    """Lets the graphs share the scales of the weights that they share: a third of a megabyte a graph in MiniLM."""
    shared = {}
    for graph in content.subgraphs:
        for tensor in graph.tensors:
            scales = tensor.quantization.scale if tensor.quantization is not None else None
            if scales is not None and len(scales) > 1:
                tensor.quantization = shared.setdefault(tensor.buffer, _Shared(tensor.quantization))


def _add_buffer(content, metadata):
    from tensorflow.lite.python import schema_py_generated as schema

    buffer = schema.BufferT()
    buffer.data = list(metadata)
    content.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = "TFLITE_METADATA", len(content.buffers) - 1
    content.metadata = [*(content.metadata or []), entry]


def _metadata(about, inputs, outputs, vocabulary, labels):
    builder, units = flatbuffers.Builder(1024), {}
    if vocabulary is not None:
        file = _file(builder, vocabulary, "Vocabulary of the tokenizer.", _VOCABULARY_FILE)
        options = _table(builder, 1, {0: _vector(builder, [file])})
        units = {5: _vector(builder, [_table(builder, 2, {1: options}, {0: _BERT_TOKENIZER})])}
    tensors = [_tensor(builder, name, text) for name, text in inputs]
    files = [_file(builder, LABELS, "Labels, in the order of the scores.", _LABELS_FILE)] if labels else []
    made = [_tensor(builder, name, text, files if name == "probability" else ()) for name, text in outputs]
    graph = _table(builder, 10, {2: _vector(builder, tensors), 3: _vector(builder, made), **units})
    texts = {
        0: about["task"]["name"],
        1: f"A keras_bert_suite model for {about['task']['name'].replace('_', ' ')}; see {ABOUT}.",
        2: "1",
        5: about.get("license", ""),
        7: "1.1.0",
    }
    root = {number: builder.CreateString(text) for number, text in texts.items()}
    root[3] = _vector(builder, [graph])
    root[6] = _vector(builder, [_file(builder, ABOUT, "All that the pipeline needs.", 0)])
    builder.Finish(_table(builder, 8, root), file_identifier=b"M001")
    return bytes(builder.Output())


def _tensor(builder, name, text, files=()):
    fields = {0: builder.CreateString(name), 1: builder.CreateString(text)}
    if files:
        fields[6] = _vector(builder, list(files))
    content = _table(builder, 3, {1: _table(builder, 0, {})}, {0: 1})
    return _table(builder, 7, {**fields, 3: content})


def _file(builder, name, text, kind):
    fields = {0: builder.CreateString(name), 1: builder.CreateString(text)}
    return _table(builder, 5, fields, {2: kind})


def _vector(builder, offsets):
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _table(builder, size, offsets, bytes_=None):
    builder.StartObject(size)
    for number, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(number, offset, 0)
    for number, value in (bytes_ or {}).items():
        builder.PrependUint8Slot(number, value, 0)
    return builder.EndObject()
