"""A SavedModel answers raw text as `TaskModel.predict` does, where nothing but TensorFlow is; and a client asks it."""

import dataclasses
import http.server
import json
import subprocess
import sys
import threading
from concurrent import futures

import keras
import numpy as np
import pytest

from keras_bert_suite import InputError, client, encoders, serving
from keras_bert_suite.edge import export, pipeline
from keras_bert_suite.encoders import early_exit
from keras_bert_suite.tasks import saved, task_class
from keras_bert_suite.tasks.inputs import Input, rows
from keras_bert_suite.tasks.task import from_settings
from tests.tasks.test_every_task import FILES, numbers, odd
from tests.tokenizers.test_in_graph import small
from tests.tools.test_tools import tool

tf = pytest.importorskip("tensorflow")
pytest.importorskip("tensorflow_text")
apis = pytest.importorskip("tensorflow_serving.apis", reason="needs the extra `serving`")

from tensorflow_serving.apis import (  # noqa: E402
    get_model_metadata_pb2,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

ODD = ["", "a", "\U0001f600\U0001f389", "\ud800 lone", "z" * 5000, "wake anna in Lisbon, please. " * 60]
SETTINGS = [
    ("classification", ["stride=8", "pool=attention"]),
    ("token_classification", ["stride=8"]),
    ("intent_slots", []),
    ("question_answering", ["stride=16"]),
    ("multiple_choice", []),
    ("ranking", []),
    ("similarity", []),
]
OTHER_SETTINGS = [
    ("classification", []),
    ("classification", ["problem=multi_label"]),
    ("classification", ["problem=ordinal"]),
    ("classification", ["problem=regression"]),
    ("classification", ["problem=multi_label", "stride=8", "pool=max"]),
    ("token_classification", []),
    ("question_answering", ["stride=16", "null_answers=false"]),
]
# What else is asked of a model, each list by itself.
MORE = {
    "ranking": [[Input("who?", None, ("anna", "at six", "")), Input("when?", None, ("z " * 200,))]],
    "similarity": [
        [Input("wake me")],
        [Input("wake me", "play jazz")],
        [Input("a", None, ("wake me", "", "z " * 200))],
    ],
}


def model_of(name, settings, folder):
    """A model with a random head, and inputs for it of which some are odd."""
    keras.utils.set_random_seed(1)
    file, content = FILES[name]
    if any("ordinal" in setting or "regression" in setting for setting in settings):
        content = "text\tlabel\nplay some jazz\t1\nwake me at six\t2\nthe third\t3\n"
    (folder / file).write_text(content)
    kind = task_class(name)
    examples = kind.read(folder / file)
    trained = saved.begin(from_settings(kind, examples, settings), "kbs_tiny_en", 48)
    # Sharper than a new head, so that a wrong piece is seen.
    for weight in trained.model.weights:
        if "logits" in weight.path:
            weight.assign(keras.ops.multiply(weight, 20.0))
    trained.examples = saved.inputs_of(trained.task, examples)
    return trained, trained.examples + [odd(trained.examples[0], text) for text in ODD]


def same(found, expected):
    """Whether answers are the same, and their numbers to 1e-5."""
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert strings(ours) == strings(theirs)
        np.testing.assert_allclose(numbers(ours), numbers(theirs), atol=1e-5)


def strings(value):
    if isinstance(value, dict):
        return {name: strings(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [strings(item) for item in value]
    return value if isinstance(value, str | bool) else None


class Local:
    """What the client asks in place of a server: a SavedModel in this process."""

    def __init__(self, folder):
        self.model = tf.saved_model.load(str(folder))
        self.serve = self.model.signatures["serving_default"]

    def names(self):
        return set(self.serve.structured_input_signature[1]), set(self.serve.structured_outputs)

    def ask(self, texts):
        found = self.serve(**{name: tf.constant(client.encoded(list(value))) for name, value in texts.items()})
        return {name: client._texts(value.numpy().tolist()) for name, value in found.items()}


def asking(server):
    """A client of a server that is at hand."""
    asked = client.Client.__new__(client.Client)
    asked._server = server
    asked._inputs, asked._outputs = server.names()
    return asked


FRESH = """
import json, sys
import tensorflow as tf, tensorflow_text

def value_of(tensor):
    value = tensor.numpy().tolist()
    return texts_of(value) if tensor.dtype == tf.string else value

def texts_of(value):
    return [texts_of(item) for item in value] if isinstance(value, list) else value.decode()

assert not [name for name in sys.modules if name.startswith(("keras_bert_suite", "tokenizers", "keras_hub"))]
for line in sys.stdin:
    request = json.loads(line)
    if "folder" in request:
        model = tf.saved_model.load(request["folder"])
        serve = model.signatures["serving_default"]
        found = [sorted(serve.structured_input_signature[1]), sorted(serve.structured_outputs)]
    else:
        serve, type_ = model.signatures[request["signature"]], request["type"]
        answer = serve(**{name: tf.constant(value, type_) for name, value in request["inputs"].items()})
        found = {name: value_of(value) for name, value in answer.items()}
    print(json.dumps(found), flush=True)
"""


class Fresh:
    """A process that has TensorFlow and tensorflow_text, nothing of this package, and answers for a SavedModel."""

    def __init__(self):
        command = [sys.executable, "-c", FRESH]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def load(self, folder):
        self.found = self._call({"folder": str(folder)})

    def names(self):
        return tuple(map(set, self.found))

    def ask(self, texts):
        texts = {
            name: [client.clean(value) if isinstance(value, str) else [*map(client.clean, value)] for value in values]
            for name, values in texts.items()
        }
        return self._call({"signature": "serving_default", "type": "string", "inputs": texts})

    def tokens(self, arrays):
        arrays = {name: array.tolist() for name, array in arrays.items()}
        return self._call({"signature": "tokens", "type": "int32", "inputs": arrays})

    def _call(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def fresh():
    server = Fresh()
    yield server
    server.process.stdin.close()
    server.process.wait()
    server.process.stdout.close()


def check_both_signatures(trained, inputs, fresh, folder):
    """A SavedModel's answers at batch 1, 7 and 64 beside those of Keras."""
    fresh.load(serving.export_saved_model(trained, folder))
    asked, expected = asking(fresh), trained.predict(inputs)
    for batch_size in (1, 7, 64):
        same(asked.predict(inputs, batch_size), expected)
        texts = [f"wake anna {'please ' * (i % 9)}" for i in range(batch_size)]
        arrays = trained.features(trained.tokenizer.encode_batch(texts, None, trained.max_length))
        found = fresh.tokens({name: array for name, array in arrays.items() if name != "language_ids"})
        # 1e-5 is what is promised; the graphs add float32 in another order.
        for name, array in trained.outputs(arrays).items():
            np.testing.assert_allclose(found[name], array, atol=1e-5)
    return asked


@pytest.mark.parametrize(
    ("name", "settings"), SETTINGS + [pytest.param(*pair, marks=pytest.mark.slow) for pair in OTHER_SETTINGS]
)
def test_every_task_answers_as_keras_does(name, settings, fresh, tmp_path):
    trained, inputs = model_of(name, settings, tmp_path)
    asked = check_both_signatures(trained, inputs, fresh, tmp_path / "served")
    for more in MORE.get(name, ()):
        same(asked.predict(more), trained.predict(more))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "settings"), [("classification", []), *SETTINGS])
def test_a_megabyte_is_read_alike_on_every_path(name, settings, tmp_path):
    trained, inputs = model_of(name, settings, tmp_path)
    inputs = [odd(inputs[0], "wake anna in Lisbon, please. " * 36_158), inputs[0]]
    expected = trained.predict(inputs)
    export.export(trained, tmp_path / "model.tflite", "float32", [48])
    device = pipeline.load(tmp_path / "model.tflite").predict(inputs)
    # As for every device file: logits differ by less than 1e-4, and what is pooled of thousands of windows by more.
    np.testing.assert_allclose(numbers(device), numbers(expected), atol=1e-3)
    same(asking(Local(serving.export_saved_model(trained, tmp_path / "served"))).predict(inputs), expected)


@pytest.mark.parametrize(("family", "kind"), [("Albert", "AlbertTokenizer"), ("XLNet", "XLNetTokenizer")])
def test_families_with_sentence_pieces(family, kind, fresh, tmp_path):
    tokenizer = small(kind, tmp_path)
    keras.utils.set_random_seed(1)
    sizes = {"dim": 16, "num_layers": 1, "num_heads": 2, "feed_forward_dim": 32}
    encoder = getattr(encoders, family)(vocab_size=tokenizer.vocab_size, **sizes)
    task = task_class("token_classification")(["O", "B-person", "I-person"], stride=4)
    trained = saved.TaskModel(encoder, task.build(encoder, 0.1), task, tokenizer, 12)
    inputs = [Input(text) for text in ("cafe 9,9 b", "B" * 60, "cafe \u4e2d\u4e2d cafe " * 9, "", *ODD)]
    check_both_signatures(trained, inputs, fresh, tmp_path / "served")


def test_early_exit_stops_where_the_keras_model_does(fresh, tmp_path):
    trained, inputs = model_of("classification", ["speed=0.5"], tmp_path)
    for weight in trained.model.weights:
        if "exit_" in weight.path and "kernel" in weight.path:
            weight.assign(weight * 12.0)
    encodings = [found.encodings[0] for found in rows(trained.task.config, trained.tokenizer, inputs, 48)]
    arrays = trained.features(encodings)
    unsure = np.sort(early_exit.uncertainty(trained.model(arrays)["exit_0"]))
    # Between the two texts that are furthest apart, so that some stop at the first block and rounding moves none.
    trained.task.speed = float(unsure[np.argmax(np.diff(unsure)) :][:2].mean())
    logits, exits = trained.model.predict_early(arrays, trained.task.speed)
    assert 0 < (exits == 0).sum() < len(inputs)
    fresh.load(serving.export_saved_model(trained, tmp_path / "served"))
    found = fresh.tokens(arrays)
    assert found["exit"] == exits.tolist()
    # 1e-5 is what is promised; a batch has another shape from the second block on.
    np.testing.assert_allclose(found["scores"], keras.ops.softmax(logits), atol=1e-5)
    asked, expected = asking(fresh), trained.predict(inputs)
    assert [answer["exit"] for answer in expected] == exits.tolist()
    for batch_size in (1, len(inputs)):
        same(asked.predict(inputs, batch_size), expected)


def test_a_stage_is_run_for_those_alone_that_are_unsure(tmp_path):
    trained, inputs = model_of("classification", ["speed=0.5"], tmp_path)
    arrays = trained.features(trained.tokenizer.encode_batch([text for text, *_ in inputs], None, 48))
    size, counts = len(inputs), []

    class Counted:
        def __init__(self, stage):
            self.stage, self.input = stage, stage.input

        def __call__(self, given, training):
            counts.append(len(given["padding_mask"]))
            return self.stage(given, training=training)

    stages = [Counted(stage) for stage in trained.model.stages()]
    for speed in (0.0, 1.1, float(np.median(early_exit.uncertainty(trained.model(arrays)["exit_0"])))):
        counts.clear()
        logits, exits = serving.until_sure(stages, arrays, speed)
        expected, stops = trained.model.predict_early(arrays, speed)
        assert exits.numpy().tolist() == stops.tolist()
        np.testing.assert_allclose(logits, expected, atol=1e-5)
        assert counts == [int((stops >= i).sum()) for i in range(len(stages)) if (stops >= i).any()]
        assert sum(counts) == {0.0: size * len(stages), 1.1: size}.get(speed, sum(counts))


def test_pairs_of_texts(tmp_path):
    trained, _ = model_of("classification", [], tmp_path)
    trained.examples = [Input("play", "jazz")]
    asked = asking(Local(serving.export_saved_model(trained, tmp_path / "pairs")))
    inputs = [Input("play", "jazz " * 60), Input("z " * 200, "a"), Input("", "")]
    same(asked.predict(inputs), trained.predict(inputs))
    with pytest.raises(InputError, match="The input has text; the model on the server takes pair, text"):
        asked.predict(["play jazz".split()[:1]])


@pytest.mark.parametrize("name", ["no name", "a/b c"])
def test_a_name_that_no_server_takes_is_named(name, tmp_path):
    trained, _ = model_of("classification", [], tmp_path)
    with pytest.raises(InputError, match="is no name of a served model"):
        serving.export_saved_model(trained, tmp_path / name)


class Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    """A small stand-in for TensorFlow Serving, by gRPC."""

    def __init__(self, local):
        self.local = local

    def Predict(self, request, context):  # noqa: N802
        request = predict_pb2.PredictRequest.FromString(request.SerializeToString())
        texts = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        for name, value in self.local.model.signatures[request.model_spec.signature_name](**texts).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response

    def GetModelMetadata(self, request, context):  # noqa: N802
        signatures, response = (
            get_model_metadata_pb2.SignatureDefMap(),
            get_model_metadata_pb2.GetModelMetadataResponse(),
        )
        inputs, outputs = self.local.names()
        for name in inputs:
            signatures.signature_def["serving_default"].inputs[name].name = name
        for name in outputs:
            signatures.signature_def["serving_default"].outputs[name].name = name
        response.metadata["signature_def"].Pack(signatures)
        return response


def rest_handler(local):
    class Handler(http.server.BaseHTTPRequestHandler):
        """A small stand-in for TensorFlow Serving, by REST."""

        def do_GET(self):  # noqa: N802
            inputs, outputs = ({name: {} for name in names} for names in local.names())
            signature = {"serving_default": {"inputs": inputs, "outputs": outputs}}
            known = self.path == "/v1/models/served/metadata"
            self.answer({"metadata": {"signature_def": {"signature_def": signature}}} if known else None)

        def do_POST(self):  # noqa: N802
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer({"outputs": local.ask(body["inputs"])})

        def answer(self, value):
            self.send_response(404 if value is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(value or {"error": "Servable not found"}).encode())

        def log_message(self, *arguments):
            pass

    return Handler


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A model, its inputs, and the addresses of a server for gRPC and for REST."""
    import grpc

    folder = tmp_path_factory.mktemp("server")
    trained, inputs = model_of("token_classification", ["stride=8"], folder)
    local = Local(serving.export_saved_model(trained, folder / "served"))
    by_grpc = grpc.server(futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Servicer(local), by_grpc)
    port = by_grpc.add_insecure_port("127.0.0.1:0")
    by_grpc.start()
    by_rest = http.server.HTTPServer(("127.0.0.1", 0), rest_handler(local))
    threading.Thread(target=by_rest.serve_forever, daemon=True).start()
    yield trained, inputs, f"127.0.0.1:{port}", f"http://127.0.0.1:{by_rest.server_port}"
    by_rest.shutdown()
    by_rest.server_close()
    by_grpc.stop(0).wait()


def test_what_stands_beside_the_model(server, tmp_path):
    trained = dataclasses.replace(server[0], examples=[])
    (tmp_path / "ner/1").mkdir(parents=True)
    assert serving.export_saved_model(trained, tmp_path / "ner") == tmp_path / "ner/2"
    assert 'base_path: "/models/ner"' in (tmp_path / "ner/models.config").read_text()
    assert "image: tensorflow/serving" in (tmp_path / "ner/compose.yaml").read_text()
    serve = tf.saved_model.load(str(tmp_path / "ner/2")).signatures["serving_default"]
    sizes = []
    path = str(tmp_path / "ner/2/assets.extra/tf_serving_warmup_requests")
    for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        assert (request.model_spec.name, request.model_spec.signature_name) == ("ner", "serving_default")
        texts = tf.make_ndarray(request.inputs["text"])
        sizes.append(len(texts))
        assert len(serve(text=tf.constant(texts))["num_words"]) == len(texts)
    assert sizes == [1, 8]


def test_a_client_answers_as_the_model_does(server):
    trained, inputs, *addresses = server
    expected = trained.predict(inputs)
    assert any(answer["entities"] for answer in expected)
    for address in addresses:
        same(client.Client(address, "served").predict(inputs, batch_size=3), expected)
    with pytest.raises(InputError, match="Servable not found"):
        client.Client(addresses[1], "other")


def test_the_tools(server, tmp_path):
    trained, _, *addresses = server
    saved.save(trained, tmp_path / "model", "")
    run = tool("export", f"--model={tmp_path}/model", f"--output={tmp_path}/out/ner", "--format=saved_model")
    assert (tmp_path / "out/ner/1/saved_model.pb").exists() and "out/ner/1: signatures" in run.stdout
    text = "wake anna " * 40
    expected = trained.predict([(text,)])[0]
    for address in addresses:
        run = tool("predict", "--model=served", f"--server={address}", f"--text={text}")
        same([json.loads(run.stdout)], [{"text": text[:200], **expected}])


def test_what_is_for_a_tflite_file_is_refused_for_a_server(tmp_path):
    flags = ["--model=m", f"--output={tmp_path}/out", "--format=saved_model", "--quantization=float32"]
    run = tool("export", *flags, "--sequence_lengths=32", check=False)
    assert run.returncode and not (tmp_path / "out").exists()
    assert "--quantization, --sequence_lengths with --format=saved_model" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("address", ["127.0.0.1:1", "http://127.0.0.1:1"])
def test_a_server_that_is_not_there_is_named(address):
    with pytest.raises(InputError, match="does not answer for the model served") as caught:
        client.Client(address, "served")
    assert "\n" not in str(caught.value)
