"""Asks a TensorFlow Serving server for the answers of a model that `serving.export_saved_model` wrote."""

import json
import urllib.error
import urllib.request

import numpy as np

from keras_bert_suite.errors import InputError
from keras_bert_suite.tasks.decoding import compared, entities_of_words, ranked
from keras_bert_suite.tasks.inputs import Input
from keras_bert_suite.tokenizers.tokenizer import clean

SECONDS = 60


class Client:
    """A model on a server, which answers as a `TaskModel` does.

    Args:
        address: `host:port` for gRPC, or `http://host:port` for REST.
        model: the model's name on the server.

    Raises:
        InputError: the server does not answer, or has no such model.
    """

    def __init__(self, address, model):
        self._server = (_Rest if address.startswith(("http://", "https://")) else _Grpc)(address, model)
        self._inputs, self._outputs = self._server.names()

    def predict(self, inputs, batch_size=32, progress=iter):
        """The answers to a list of inputs, each a dict as `tasks.decoding.decode` gives.

        Args:
            inputs: a list of `Input`, or of tuples `(text, pair, choices)`, of which the last may be left out.
            batch_size: texts a request.
            progress: wraps the list of requests, as `tqdm` does.

        Raises:
            InputError: an input lacks what the model needs, or the server refuses it.
        """
        inputs = [Input(*item) for item in inputs]
        if "embedding" in self._outputs:
            return self._compared(inputs, batch_size, progress)
        if self._inputs == {"text", "pair"} and any(item.choices is not None for item in inputs):
            return self._ranked(inputs, batch_size, progress)
        rows = [self._row(item) for item in inputs]
        # Choices of a request are as many in each.
        numbers = [len(row.get("choices", ())) for row in rows]
        order = np.argsort(numbers, kind="stable").tolist()
        requests = []
        for i in order:
            if not requests or len(requests[-1]) == batch_size or numbers[requests[-1][0]] != numbers[i]:
                requests.append([])
            requests[-1].append(i)
        answers = [None] * len(inputs)
        for places in progress(requests):
            found = self._server.ask({name: [rows[i][name] for i in places] for name in self._inputs})
            for row, i in enumerate(places):
                answers[i] = _answer({name: value[row] for name, value in found.items()}, inputs[i])
        return answers

    def _row(self, item):
        values = {"text": item.text, "pair": item.pair, "choices": item.choices}
        given = {name for name, value in values.items() if value is not None}
        if "choices" in self._inputs and values["pair"] is None:
            values["pair"], given = "", given | {"pair"}
        if given != self._inputs:
            raise InputError(
                f"The input has {', '.join(sorted(given))}; the model on the server takes "
                f"{', '.join(sorted(self._inputs))}."
            )
        return {name: values[name] for name in self._inputs}

    def _ranked(self, inputs, batch_size, progress):
        flat = [(item.text, choice) for item in inputs for choice in item.choices or (item.pair,)]
        scored, answers = iter(self.predict(flat, batch_size, progress)), []
        for item in inputs:
            found = [next(scored) for _ in item.choices or (item.pair,)]
            answer = found[0] if item.choices is None else ranked([one["score"] for one in found])
            answers.append(_marked(answer, found))
        return answers

    def _compared(self, inputs, batch_size, progress):
        others = [item.choices or (() if item.pair is None else (item.pair,)) for item in inputs]
        texts = [text for item, more in zip(inputs, others, strict=True) for text in (item.text, *more)]
        found = []
        for start in progress(range(0, len(texts), batch_size)):
            part = self._server.ask({"text": texts[start : start + batch_size]})
            found += [{name: part[name][i] for name in part} for i in range(len(part["embedding"]))]
        answers, found = [], iter(found)
        for item, more in zip(inputs, others, strict=True):
            rows = [next(found) for _ in range(1 + len(more))]
            answers.append(_marked(compared([row["embedding"] for row in rows], item), rows))
        return answers


def _answer(row, item):
    """One row of what the server gives, a dict, as the answer to an input."""
    answer = {}
    if "tags" in row:
        scores = row["tag_scores" if "label" in row else "scores"]
        words = list(zip(row["tags"], scores, row["starts"], row["ends"], strict=True))[: row["num_words"]]
        answer["entities"] = entities_of_words(words, item.text)
    if "labels" in row:
        by_label = dict(zip(row["labels"], map(float, row["scores"]), strict=True))
        if "label" in row:
            answer |= {"label": row["label"], "score": float(row["score"])}
        else:
            answer["labels"] = [label for label, score in by_label.items() if score >= 0.5]
        answer["scores"] = by_label
        if "exit" in row:
            answer["exit"] = int(row["exit"])
    elif "answer" in row:
        places = [i for i, start in enumerate(row["starts"]) if start >= 0]
        spans = [{key: row[f"{key}s"][i] for key in ("answer", "start", "end", "score")} for i in places]
        names = ("answer", "start", "end", "score", "null_score")
        answer |= {**{name: row[name] for name in names}, "answers": spans}
    elif "choice" in row:
        answer |= {name: row[name] for name in ("choice", "score", "scores")}
    elif "tags" not in row:
        answer |= {name: row[name] for name in ("value", "score") if name in row}
    return _marked(answer, [row])


def _marked(answer, rows):
    return {**answer, "truncated": True} if any(row.get("truncated") for row in rows) else answer


class _Grpc:
    """A server asked by gRPC."""

    def __init__(self, address, model):
        try:
            import grpc
            from tensorflow_serving.apis import prediction_service_pb2_grpc
        except ImportError:
            raise InputError(
                "Asking a server by gRPC needs the package tensorflow-serving-api: pip install "
                "keras_bert_suite[serving]; or ask by REST, with the address http://host:port."
            ) from None
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._address, self._model, self._error = address, model, grpc.RpcError
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(address, unlimited))

    def names(self):
        """The names of the inputs and of the outputs, two sets."""
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest()
        request.model_spec.name = self._model
        request.metadata_field.append("signature_def")
        signatures = get_model_metadata_pb2.SignatureDefMap()
        self._call(self._stub.GetModelMetadata, request).metadata["signature_def"].Unpack(signatures)
        signature = signatures.signature_def["serving_default"]
        return set(signature.inputs), set(signature.outputs)

    def ask(self, texts):
        """The outputs for a dict of texts, a dict of lists."""
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = self._model, "serving_default"
        for name, values in texts.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(encoded(values), tf.string))
        outputs = self._call(self._stub.Predict, request).outputs
        return {name: _texts(tf.make_ndarray(value).tolist()) for name, value in outputs.items()}

    def _call(self, method, request):
        try:
            return method(request, timeout=SECONDS)
        except self._error as error:
            raise InputError(
                f"The server {self._address} does not answer for the model {self._model}: {error.code().name}, "
                f"{' '.join(str(error.details()).split())[:200]}"
            ) from None


class _Rest:
    """A server asked by REST."""

    def __init__(self, address, model):
        self._address, self._model = address, model
        self._url = f"{address.rstrip('/')}/v1/models/{model}"

    def names(self):
        """The names of the inputs and of the outputs, two sets."""
        found = self._call(f"{self._url}/metadata")["metadata"]["signature_def"]["signature_def"]["serving_default"]
        return set(found["inputs"]), set(found["outputs"])

    def ask(self, texts):
        """The outputs for a dict of texts, a dict of lists."""
        inputs = {name: _texts(encoded(values)) for name, values in texts.items()}
        found = self._call(f"{self._url}:predict", {"signature_name": "serving_default", "inputs": inputs})["outputs"]
        # A single output comes without its name.
        return found if isinstance(found, dict) else {"score": found}

    def _call(self, url, body=None):
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, content, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as response:
                return json.load(response)
        except (OSError, ValueError) as error:
            said = error.read().decode(errors="replace") if isinstance(error, urllib.error.HTTPError) else str(error)
            raise InputError(
                f"The server {self._address} does not answer for the model {self._model}: "
                f"{' '.join(said.split())[:200]}"
            ) from None


def encoded(texts):
    """Texts, a nest of lists, as UTF-8; lone surrogates count as the replacement character, as for `Tokenizer`."""
    if isinstance(texts, list | tuple):
        return [encoded(text) for text in texts]
    return clean(texts).encode()


def _texts(value):
    """Bytes in a nest of lists as texts."""
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value
