"""SavedModels for TensorFlow Serving: raw text in, answers out, and nothing of Python in between.

    export_saved_model(saved.load("runs/sst2"), "served/sst2")
    docker compose --project-directory served/sst2 up
    curl localhost:8501/v1/models/sst2:predict -d '{"inputs": {"text": ["a gorgeous, witty film"]}}'

The signature `serving_default` reads text, `tokens` the arrays that an encoder takes. Answers are those of
`TaskModel.predict`, long texts by windows included. Of a model with early exit a block is run for those texts of a
request alone that no classifier before it was sure of.
"""

import re
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_bert_suite.checkpoints import writing
from keras_bert_suite.client import encoded
from keras_bert_suite.data.batches import MULTIPLE
from keras_bert_suite.errors import InputError
from keras_bert_suite.quiet import quiet
from keras_bert_suite.tasks.decoding import ANSWERS, NO_SPAN, TINY, beginnings
from keras_bert_suite.tasks.inputs import passage_stride, question_room
from keras_bert_suite.tasks.saved import NO_LANGUAGE
from keras_bert_suite.tokenizers.in_graph import InGraphTokenizer
from keras_bert_suite.tokenizers.in_graph_ops import changes

# Texts of the requests that a server runs before it takes others, so that the first one does not wait.
WARM_UP = (1, 8)
# Windows of long texts that the encoder reads at a time, which bounds a server's memory.
PART = 64
_PLACES = 2**21  # characters of a passage at most by which spans are told apart


def export_saved_model(trained, folder):
    """Writes a model for TensorFlow Serving as the next version of a folder, which is the model's name.

    Beside the version stand `models.config`, and `compose.yaml`, which runs the server of the official image.

    Args:
        trained: a `TaskModel`. Whether a classifier takes pairs is what its examples say.
        folder: where.

    Returns:
        The folder of the version, a `Path`.

    Raises:
        InputError: the tokenizer or the task cannot be had in a graph, or tensorflow-serving-api is absent.
    """
    folder = Path(folder)
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", folder.name):
        raise InputError(f"{folder.name!r} is no name of a served model; expected letters, digits, '_', '.' and '-'.")
    served = Served(trained)
    log = _warm_up_log(served, folder.name)
    versions = [int(path.name) for path in folder.glob("*") if path.is_dir() and path.name.isdigit()]
    place = folder / str(max(versions, default=0) + 1)
    archive = keras.export.ExportArchive()
    archive.track(trained.model)
    for resource in served.tokenizer.resources:
        archive.track(resource)
    archive.add_endpoint("serving_default", served.answer, served.text_signature)
    archive.add_endpoint("tokens", served.scores, [served.token_signature])
    with writing.new_folder(place) as temporary, quiet():
        archive.write_out(str(temporary), verbose=False)
        extra = temporary / "assets.extra"
        extra.mkdir()
        with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as writer:
            for record in log:
                writer.write(record.SerializeToString())
    (folder / "models.config").write_text(
        f'model_config_list {{\n  config {{\n    name: "{folder.name}"\n    base_path: "/models/{folder.name}"\n'
        '    model_platform: "tensorflow"\n  }\n}\n'
    )
    (folder / "compose.yaml").write_text(
        f"services:\n  serving:\n    # Written by TensorFlow {tf.__version__}: take this version or a later one.\n"
        "    image: tensorflow/serving:latest\n"
        f"    command: --model_config_file=/models/{folder.name}/models.config\n"
        '    ports: ["8500:8500", "8501:8501"]  # gRPC, REST\n'
        f"    volumes: [.:/models/{folder.name}:ro]\n"
    )
    return place


def _warm_up_log(served, name):
    """Requests with the model's own example texts, a list of `PredictionLog`."""
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError:
        raise InputError(
            "A SavedModel for TensorFlow Serving needs the package tensorflow-serving-api: "
            "pip install keras_bert_suite[serving]."
        ) from None
    log = []
    for size in WARM_UP:
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = name, "serving_default"
        for key, values in served.example(size).items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(values, tf.string))
        log.append(prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request)))
    return log


class Served:
    """What a server computes for a model.

    Args:
        trained: a `TaskModel`.

    Attributes:
        tokenizer: its `InGraphTokenizer`.
        config: the task's config.
        text_signature: the `TensorSpec` of the arguments of `answer`.
        token_signature: those of `scores`, a dict.

    Raises:
        InputError: the tokenizer or the task cannot be had in a graph.
    """

    def __init__(self, trained):
        self.trained, self.config = trained, trained.task.config
        if self.config["name"] not in _ANSWERS:
            raise InputError(
                f"A model of the task {self.config['name']} is not served; expected one of {', '.join(_ANSWERS)}."
            )
        self.tokenizer = InGraphTokenizer(trained.tokenizer)
        self._stages = trained.model.stages() if "speed" in self.config else []
        self._answer, names = _ANSWERS[self.config["name"]]
        paired = any(item[1] is not None for item in trained.examples)
        if self.config["name"] == "classification" and paired:
            names = ("text", "pair")
        self.text_signature = [
            tf.TensorSpec((None, None) if name == "choices" else (None,), tf.string, name) for name in names
        ]
        self.token_signature = {
            name: tf.TensorSpec((None, None), tf.int32, name)
            for name in trained.encoder.input
            if name != "language_ids"
        }
        self.answer = _with_names(self._texts, names)

    def example(self, size):
        """Texts for a request, a dict from names to lists of `size` strings, for choices of lists of two."""
        examples = [tuple(item) for item in self.trained.examples] or [("An example.", "Another one.", None)]
        rows = [examples[i % len(examples)] for i in range(size)]
        values = {
            "text": [row[0] for row in rows],
            "pair": [row[1] or "" for row in rows],
            "choices": [[*(row[2] or ()), "", ""][:2] for row in rows],
        }
        return {spec.name: encoded(values[spec.name]) for spec in self.text_signature}

    def scores(self, features):
        """The encoder's inputs, a dict of int32 `(batch, time)`, to what the task's `decode` reads.

        With early exit `scores` `(batch, labels)`, of the classifier that answers, and its number, `exit` `(batch,)`.
        """
        features = dict(features)
        if "language_ids" in self.trained.encoder.input:
            features["language_ids"] = tf.fill(tf.shape(features["token_ids"]), NO_LANGUAGE)
        if self._stages:
            logits, exits = until_sure(self._stages, features, self.config["speed"])
            return {"scores": tf.nn.softmax(logits), "exit": exits}
        return self.trained.task.outputs(self.trained.model(features, training=False))

    def _texts(self, *texts):
        texts = [tf.strings.unicode_transcode(text, "UTF-8", "UTF-8") for text in texts]
        return self._answer(self, *texts)

    def read(self, texts, pairs=None, stride=None):
        """Texts through the model.

        Returns:
            The rows, as `InGraphTokenizer` gives them with `text`, whose row it is; and the outputs of the model.
        """
        if stride is None:
            rows = self.tokenizer.inputs(texts, pairs, self.trained.max_length, MULTIPLE)
            rows["text"] = tf.range(tf.size(texts))
        else:
            rows = self.tokenizer.windows(texts, pairs, self.trained.max_length, stride, MULTIPLE)
        features = {name: rows[name] for name in self.token_signature}
        return rows, self.scores(features) if stride is None else self._scores_in_parts(features)

    def _scores_in_parts(self, features):
        """`scores`, some rows at a time: one text of a request may have thousands of windows."""
        scores = tf.function(self.scores).get_concrete_function(self.token_signature)
        size, time = tf.unstack(tf.shape(features["token_ids"]))
        parts = tf.maximum(1, -(-size // PART))
        each = -(-size // parts)
        # The parts are of one size, the last one filled up.
        places = tf.minimum(tf.range(parts * each), size - 1)
        split = {name: tf.reshape(tf.gather(x, places), [parts, each, time]) for name, x in features.items()}
        types = {name: spec.dtype for name, spec in scores.structured_outputs.items()}
        found = tf.map_fn(scores, split, fn_output_signature=types)
        return {
            name: tf.reshape(x, tf.concat([[parts * each], tf.shape(x)[2:]], 0))[:size] for name, x in found.items()
        }

    def names(self, key, size):
        """The labels of the config as a string tensor `(size, labels)`."""
        return tf.tile(tf.constant([self.config[key]]), [size, 1])


def until_sure(stages, features, speed):
    """`EarlyExit.predict_early` in a graph: a stage is run for those rows alone that none before it was sure of.

    Args:
        stages: what the model's `stages` gave.
        features: a dict of tensors with what the encoder takes.
        speed: the uncertainty, 0 to 1, below which a row stops.

    Returns:
        `(logits, exits)`: `(batch, labels)`, and `(batch,)` the number of the block each row stopped at.
    """
    first, *others = stages
    rows = tf.range(tf.shape(features["token_ids"])[0])
    found = first({name: features[name] for name in first.input}, training=False)
    states, logits = found["states"], found["logits"]
    whole, exits = logits, tf.zeros_like(rows)
    for number, stage in enumerate(others, 1):
        unsure = _uncertainty(logits) >= speed
        rows, states = tf.boolean_mask(rows, unsure), tf.boolean_mask(states, unsure)

        def run(stage=stage, rows=rows, states=states):
            inputs = {name: states if name == "states" else tf.gather(features[name], rows) for name in stage.input}
            found = stage(inputs, training=False)
            return found["states"], found["logits"]

        def rest(states=states, none=whole[:0]):
            return states, none

        states, logits = tf.cond(tf.size(rows) > 0, run, rest)
        whole = tf.tensor_scatter_nd_update(whole, rows[:, None], logits)
        exits = tf.tensor_scatter_nd_update(exits, rows[:, None], tf.fill(tf.shape(rows), number))
    return whole, exits


def _uncertainty(logits):
    logs = tf.nn.log_softmax(tf.cast(logits, tf.float64))
    return -tf.reduce_sum(tf.exp(logs) * logs, -1) / np.log(logits.shape[-1])


def _with_names(function, names):
    """`function` with arguments of these names, which are those of the signature."""
    if len(names) == 1:
        return lambda text: function(text)
    if "choices" not in names:
        return lambda text, pair: function(text, pair)
    return lambda text, pair, choices: function(text, pair, choices)


def _truncated(rows, size):
    return tf.math.unsorted_segment_max(tf.cast(rows["truncated"], tf.int32), rows["text"], size) > 0


def _classification(served, text, pair=None):
    task, size = served.config, tf.size(text)
    rows, outputs = served.read(text, pair, task.get("stride"))
    scores = outputs["scores"]
    if task.get("stride") is not None:
        scores = _pooled(task, outputs, rows["text"], size)
    truncated = {"truncated": _truncated(rows, size)}
    if task["problem"] == "regression":
        return {"value": scores[:, 0], **truncated}
    best = None
    if task["problem"] == "ordinal":
        best = tf.reduce_sum(tf.cast(scores > 0.5, tf.int32), 1)
        columns = [tf.ones_like(scores[:, 0])]
        for i in range(len(task["labels"]) - 1):
            columns.append(tf.minimum(columns[-1], scores[:, i]) if i else scores[:, i])
        columns.append(tf.zeros_like(columns[0]))
        scores = tf.stack([a - b for a, b in zip(columns[:-1], columns[1:], strict=True)], 1)
    exits = {"exit": outputs["exit"]} if "exit" in outputs else {}
    answer = {"scores": scores, "labels": served.names("labels", size), **exits, **truncated}
    return answer if task["problem"] == "multi_label" else {**answer, **_best(task["labels"], scores, best)}


def _best(labels, scores, best=None):
    best = tf.argmax(scores, 1, tf.int32) if best is None else best
    return {"label": tf.gather(tf.constant(labels), best), "score": tf.gather(scores, best, batch_dims=1)}


def _pooled(task, outputs, text, size):
    """The scores of texts from those of their windows, as `decode` joins them."""
    scores, problem = outputs["scores"], task["problem"]
    if problem == "single_label":
        logits = tf.math.log(tf.maximum(scores, TINY))
    elif problem == "regression":
        logits = scores
    else:
        clipped = tf.clip_by_value(scores, TINY, 1 - TINY)
        logits = tf.math.log(clipped) - tf.math.log1p(-clipped)
    if task["pool"] == "max":
        logits = tf.math.unsorted_segment_max(logits, text, size)
    else:
        weights = outputs.get("weight", tf.zeros_like(scores[:, :1]))
        weights = tf.exp(weights - tf.gather(tf.math.unsorted_segment_max(weights, text, size), text))
        logits = tf.math.unsorted_segment_sum(weights * logits, text, size)
        logits /= tf.math.unsorted_segment_sum(weights, text, size)
    if problem == "single_label":
        return tf.nn.softmax(logits)
    return logits if problem == "regression" else tf.sigmoid(logits)


def _token_classification(served, text, name="scores", tags="labels"):
    rows, outputs = served.read(text, None, served.config.get("stride"))
    return {**_words(served, rows, outputs[name], tags, tf.size(text)), "truncated": _truncated(rows, tf.size(text))}


def _words(served, rows, scores, tags, size):
    """The tag of each word, padded to the text that has most: `""`, 0 and -1.

    Args:
        rows: the rows.
        scores: `(rows, time, tags)`.
        tags: the name of the tags in the config.
        size: number of texts.
    """
    place, text = _owners(rows, size)
    flat = {name: tf.gather(tf.reshape(rows[name], [-1]), place) for name in ("words", "solid", "ends")}
    new = changes(tf, text) | changes(tf, flat["words"])
    first = tf.reshape(tf.where(new), [-1])
    last = tf.concat([first[1:], tf.reshape(tf.where(new[:1]), [-1]) + tf.size(new, tf.int64)], 0) - 1
    ends = tf.gather(flat["ends"], last)
    scores = tf.gather(tf.reshape(scores, [-1, len(served.config[tags])]), tf.gather(place, first))
    text = tf.gather(text, first)
    number = tf.math.unsorted_segment_sum(tf.ones_like(text), text, size)
    best = _best_tags(scores, served.config[tags], number)
    found = {
        "tags": (tf.gather(tf.constant(served.config[tags]), best), ""),
        "scores": (tf.gather(scores, best, batch_dims=1), 0.0),
        "starts": (tf.minimum(tf.gather(flat["solid"], first), ends), -1),
        "ends": (ends, -1),
    }
    padded = {
        name: tf.RaggedTensor.from_row_lengths(value, number, validate=False).to_tensor(fill)
        for name, (value, fill) in found.items()
    }
    return {**padded, "num_words": number}


def _best_tags(scores, labels, number):
    """The tags `(words,)` of texts, `number` words each, as `decoding.best_tags` finds them."""
    begins, inside = beginnings(tuple(labels))
    logs = tf.math.log(tf.maximum(tf.cast(scores, tf.float64), TINY))
    logs = tf.RaggedTensor.from_row_lengths(logs, number, validate=False).to_tensor(shape=[None, None, len(labels)])
    there = tf.sequence_mask(number, tf.shape(logs)[1])
    # Two places more than words, so that there is a step; they change nothing, as those behind a text's last word.
    steps = tf.transpose(tf.pad(logs, [[0, 0], [0, 2], [0, 0]]), [1, 0, 2])
    real = tf.transpose(tf.pad(there, [[0, 0], [0, 2]]))
    own = tf.broadcast_to(tf.range(len(labels)), tf.shape(steps)[1:])

    def forth(before, step):
        state, (row, is_word) = before[0], step
        begun = tf.gather(state, begins, axis=1)
        best = tf.broadcast_to(tf.argmax(state, 1, tf.int32)[:, None], tf.shape(own))
        origin = tf.where(inside, tf.where(begun > state, begins, own), best)
        origin = tf.where(is_word[:, None], origin, own)
        return tf.gather(state, origin, batch_dims=1) + row, origin

    start = tf.where(inside, tf.constant(-np.inf, tf.float64), steps[0])
    states, origins = tf.scan(forth, (steps[1:], real[1:]), (start, own))
    last = tf.argmax(states[-1], 1, tf.int32)
    back = tf.scan(lambda tag, origin: tf.gather(origin, tag, batch_dims=1), origins, last, reverse=True)
    return tf.boolean_mask(tf.transpose(back)[:, : tf.shape(there)[1]], there)


def _owners(rows, size):
    """Where each piece of the texts is read: in the window in which it has most context, as `inputs.owners` says.

    Returns:
        `(pieces,)`: places in the flat rows, and the texts that the pieces are of.
    """
    inside = rows["piece"] >= 0
    place = tf.reshape(tf.where(tf.reshape(inside, [-1])), [-1])
    count = tf.reduce_sum(tf.cast(inside, tf.int32), 1)
    row = tf.repeat(tf.range(tf.size(count)), count)
    number = tf.range(tf.size(row)) - tf.gather(tf.cumsum(count, exclusive=True), row)
    length, text = tf.gather(count, row), tf.gather(rows["text"], row)
    piece = tf.gather(tf.reshape(rows["piece"], [-1]), place)
    context = tf.cast(tf.minimum(number, length - 1 - number), tf.float32) + 0.01 * tf.cast(length, tf.float32)
    pieces = tf.maximum(tf.math.unsorted_segment_max(piece + 1, text, size), 0)
    key = tf.gather(tf.cumsum(pieces, exclusive=True), text) + piece
    most = tf.math.unsorted_segment_max(context, key, tf.reduce_sum(pieces))
    # Of several windows with as much context it is the first.
    place = tf.where(context >= tf.gather(most, key), place, place.dtype.max)
    place = tf.math.unsorted_segment_min(place, key, tf.reduce_sum(pieces))
    return place, tf.repeat(tf.range(size), pieces)


def _intent_slots(served, text):
    rows, outputs = served.read(text)
    size, scores = tf.size(text), outputs["scores"]
    words = _words(served, rows, outputs["tag_scores"], "tags", size)
    words["tag_scores"] = words.pop("scores")
    return {
        **_best(served.config["labels"], scores),
        "scores": scores,
        "labels": served.names("labels", size),
        **words,
        "truncated": _truncated(rows, size),
    }


def _question_answering(served, text, pair):
    task, max_length = served.config, served.trained.max_length
    room = question_room(max_length)
    ends = served.tokenizer.pieces(text)["ends"]
    whole = tf.strings.length(text, "UTF8_CHAR")
    cut = tf.where(ends.row_lengths() > room, ends[:, :room].to_tensor(shape=[None, room])[:, -1], whole)
    question = tf.strings.substr(text, tf.zeros_like(cut), cut, "UTF8_CHAR")
    rows, outputs = served.read(question, pair, passage_stride(task, max_length))
    size = tf.size(text)
    spans, null = _spans(task, rows, outputs["start_scores"], outputs["end_scores"], size)
    return {**_best_span(task, pair, spans, null), "truncated": _truncated(rows, size)}


def _spans(task, rows, starts, ends, size):
    """The best spans of each passage over all its windows, and the score of none.

    Returns:
        A dict of `(texts, ANSWERS)`, best first: `starts` and `ends`, characters, and `scores`, of which those that
        there are not are -inf; and `(texts,)`, the score of no answer.
    """
    special = (rows["sequence"] < 0) & (rows["padding_mask"] > 0)
    null = tf.argmax(tf.cast(special, tf.int32), 1)
    null = tf.gather(starts, null, batch_dims=1) + tf.gather(ends, null, batch_dims=1)
    null = tf.math.unsorted_segment_min(null, rows["text"], size)
    passage = rows["sequence"] == 1
    number = tf.minimum(tf.shape(starts)[1], ANSWERS)
    start_scores, start = tf.math.top_k(tf.where(passage, starts, -np.inf), number)
    end_scores, end = tf.math.top_k(tf.where(passage, ends, -np.inf), number)
    score = start_scores[:, :, None] + end_scores[:, None, :]
    last = tf.gather(rows["ends"], end, batch_dims=1)[:, None, :]
    first = tf.minimum(tf.gather(rows["solid"], start, batch_dims=1)[:, :, None], last)
    length = end[:, None, :] - start[:, :, None]
    valid = (score > -np.inf) & (length >= 0) & (length < task["max_answer_pieces"]) & (first < last)
    text = rows["text"][:, None, None]
    key = [tf.cast(value + tf.zeros_like(length), tf.int64) for value in (text, first, last)]
    key = tf.boolean_mask((key[0] * _PLACES + key[1]) * _PLACES + key[2], valid)
    key, same = tf.unique(key)
    score = tf.math.unsorted_segment_max(tf.boolean_mask(score, valid), same, tf.size(key))
    order = tf.argsort(score, direction="DESCENDING", stable=True)
    order = tf.gather(order, tf.argsort(tf.gather(key, order) // _PLACES**2, stable=True))
    key, score = tf.gather(key, order), tf.gather(score, order)
    lengths = tf.math.unsorted_segment_sum(tf.ones_like(key), key // _PLACES**2, size)
    found = {"starts": key // _PLACES % _PLACES, "ends": key % _PLACES, "scores": score}
    fills = {"scores": -np.inf}
    return {
        name: tf.RaggedTensor.from_row_lengths(
            value if name in fills else tf.cast(value, tf.int32), lengths, validate=False
        ).to_tensor(fills.get(name, -1), shape=[None, ANSWERS])
        for name, value in found.items()
    }, null


def _best_span(task, passage, spans, null):
    scores, best = spans["scores"], spans["scores"][:, 0]
    there = scores > -np.inf
    whole = tf.concat([scores, null[:, None]], 1) if task["null_answers"] else scores
    # Where there is nothing to choose from, all chances are 0.
    highest = tf.reduce_max(whole, 1, keepdims=True)
    chances = tf.where(whole > -np.inf, tf.exp(whole - tf.where(highest > -np.inf, highest, 0.0)), 0.0)
    chances = tf.math.divide_no_nan(chances, tf.reduce_sum(chances, 1, keepdims=True))
    difference = tf.where(there[:, 0], null - best, NO_SPAN)
    none = ~there[:, 0]
    null_chance = tf.zeros_like(best)
    if task["null_answers"]:
        none, null_chance = none | (difference > task["null_threshold"]), chances[:, -1]
    starts, ends = tf.where(there, spans["starts"], 0), tf.where(there, spans["ends"], 0)
    answers = tf.strings.substr(
        tf.repeat(passage, ANSWERS), tf.reshape(starts, [-1]), tf.reshape(ends - starts, [-1]), "UTF8_CHAR"
    )
    answers = tf.reshape(answers, [-1, ANSWERS])
    return {
        "answer": tf.where(none, "", answers[:, 0]),
        "start": tf.where(none, 0, starts[:, 0]),
        "end": tf.where(none, 0, ends[:, 0]),
        "score": tf.where(none, null_chance, chances[:, 0]),
        "null_score": difference,
        "answers": answers,
        "starts": spans["starts"],
        "ends": spans["ends"],
        "scores": chances[:, :ANSWERS],
    }


def _multiple_choice(served, text, pair, choices):
    size, number = tf.shape(choices)[0], tf.shape(choices)[1]
    text, pair, choices = tf.repeat(text, number), tf.repeat(pair, number), tf.reshape(choices, [-1])
    rows, outputs = served.read(text, tf.where(pair == "", choices, pair + " " + choices))
    scores = tf.nn.softmax(tf.reshape(outputs["scores"], [size, number]))
    return {
        "choice": tf.argmax(scores, 1, tf.int32),
        "score": tf.reduce_max(scores, 1),
        "scores": scores,
        "truncated": tf.reduce_any(tf.reshape(rows["truncated"], [size, number]), 1),
    }


def _ranking(served, text, pair):
    rows, outputs = served.read(text, pair)
    return {"score": outputs["scores"][:, 0], "truncated": rows["truncated"]}


def _similarity(served, text):
    rows, outputs = served.read(text)
    return {"embedding": outputs["embedding"], "truncated": rows["truncated"]}


# For each task what answers, and the names of the texts that it takes.
_ANSWERS = {
    "classification": (_classification, ("text",)),
    "token_classification": (_token_classification, ("text",)),
    "intent_slots": (_intent_slots, ("text",)),
    "question_answering": (_question_answering, ("text", "pair")),
    "multiple_choice": (_multiple_choice, ("text", "pair", "choices")),
    "ranking": (_ranking, ("text", "pair")),
    "similarity": (_similarity, ("text",)),
}
