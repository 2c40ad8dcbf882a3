"""A SavedModel answers raw text as `TaskModel.predict` does, where nothing but TensorFlow is; and a client asks it."""

import http.server
import json
import subprocess
import sys
import threading
from concurrent import futures

import keras
import numpy as np
import pytest

from keras_bert_suite import InputError, client, serving
from keras_bert_suite.tasks import saved, task_class
from keras_bert_suite.tasks.inputs import Input
from keras_bert_suite.tasks.task import from_settings
from tests.tasks.test_every_task import FILES, numbers

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
    ("classification", []),
    ("classification", ["problem=multi_label"]),
    ("classification", ["problem=ordinal"]),
    ("classification", ["problem=regression"]),
    ("classification", ["stride=8", "pool=attention"]),
    ("classification", ["problem=multi_label", "stride=8", "pool=max"]),
    ("token_classification", []),
    ("token_classification", ["stride=8"]),
    ("intent_slots", []),
    ("question_answering", ["stride=16"]),
    ("question_answering", ["stride=16", "null_answers=false"]),
    ("multiple_choice", []),
    ("ranking", []),
    ("similarity", []),
]


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


def odd(item, text):
    if item.choices is not None:
        return item._replace(choices=(text, *item.choices[1:]))
    return item._replace(text=text) if item.pair is None else item._replace(pair=text)


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


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_every_task_answers_as_keras_does(name, settings, tmp_path):
    trained, inputs = model_of(name, settings, tmp_path)
    place = serving.export_saved_model(trained, tmp_path / "served")
    asked, expected = asking(Local(place)), trained.predict(inputs)
    for batch_size in (1, 7, 64):
        same(asked.predict(inputs, batch_size), expected)


def test_pairs_and_choices_of_texts(tmp_path):
    trained, _ = model_of("similarity", [], tmp_path)
    asked = asking(Local(serving.export_saved_model(trained, tmp_path / "similarity")))
    inputs = [Input("wake me"), Input("wake me", "play jazz"), Input("a", None, ("wake me", "", "z " * 200))]
    same(asked.predict(inputs), [trained.predict([item])[0] for item in inputs])
    trained, _ = model_of("ranking", [], tmp_path)
    asked = asking(Local(serving.export_saved_model(trained, tmp_path / "ranking")))
    inputs = [Input("who?", None, ("anna", "at six", "")), Input("when?", None, ("z " * 200,))]
    same(asked.predict(inputs), trained.predict(inputs))
    trained, _ = model_of("classification", [], tmp_path)
    trained.examples = [Input("play", "jazz")]
    asked = asking(Local(serving.export_saved_model(trained, tmp_path / "pairs")))
    inputs = [Input("play", "jazz " * 60), Input("z " * 200, "a"), Input("", "")]
    same(asked.predict(inputs), trained.predict(inputs))
    with pytest.raises(InputError, match="The input has text; the model on the server takes pair, text"):
        asked.predict(["play jazz".split()[:1]])


FRESH = """
import json, sys
import tensorflow as tf, tensorflow_text
assert not [name for name in sys.modules if name.startswith(("keras_bert_suite", "tokenizers", "transformers"))]
model = tf.saved_model.load(sys.argv[1])
texts = json.loads(sys.argv[2])
for size in (1, 7, 64):
    found = model.signatures["serving_default"](text=tf.constant([texts[i % len(texts)] for i in range(size)]))
    print(json.dumps({name: value.numpy().tolist() for name, value in found.items() if value.dtype != tf.string}))
ids = tf.ones((3, 16), tf.int32)
found = model.signatures["tokens"](token_ids=ids, segment_ids=ids * 0, padding_mask=ids)
print(json.dumps({name: value.numpy().tolist() for name, value in found.items()}))
"""


def test_a_process_without_this_package(tmp_path):
    trained, _ = model_of("classification", ["stride=8"], tmp_path)
    place = serving.export_saved_model(trained, tmp_path / "served")
    texts = ["play some jazz", "", "wake me at six, " * 40]
    run = subprocess.run([sys.executable, "-c", FRESH, place, json.dumps(texts)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    *answers, scores = map(json.loads, run.stdout.strip().splitlines())
    expected = [[*answer["scores"].values()] for answer in trained.predict([(text,) for text in texts])]
    for size, answer in zip((1, 7, 64), answers, strict=True):
        np.testing.assert_allclose(answer["scores"], [expected[i % 3] for i in range(size)], atol=1e-5)
    ids = np.ones((3, 16), "int32")
    arrays = {"token_ids": ids, "segment_ids": ids * 0, "padding_mask": ids}
    np.testing.assert_allclose(scores["scores"], trained.outputs(arrays)["scores"], atol=1e-5)


def test_what_stands_beside_the_model(tmp_path):
    trained, _ = model_of("token_classification", [], tmp_path)
    trained.examples = []
    assert serving.export_saved_model(trained, tmp_path / "ner") == tmp_path / "ner/1"
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


@pytest.fixture
def server(tmp_path):
    """A model, its inputs, and the addresses of a server for gRPC and for REST."""
    import grpc

    trained, inputs = model_of("token_classification", ["stride=8"], tmp_path)
    local = Local(serving.export_saved_model(trained, tmp_path / "served"))
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


def tool(name, *arguments):
    command = [sys.executable, "-m", f"keras_bert_suite.tools.{name}", *arguments]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    return run


@pytest.mark.parametrize("address", ["127.0.0.1:1", "http://127.0.0.1:1"])
def test_a_server_that_is_not_there_is_named(address):
    with pytest.raises(InputError, match="does not answer for the model served") as caught:
        client.Client(address, "served")
    assert "\n" not in str(caught.value)
