"""What is in a `.tflite` file: its metadata and files, its operations and who runs them, its sizes by layer.

numpy and LiteRT alone: a file is looked at where it runs.
"""

import re
from collections import Counter
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from keras_bert_suite.edge import metadata
from keras_bert_suite.errors import InputError
from keras_bert_suite.quiet import quiet

_OPERATIONS = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
_MOVES = """CAST CONCATENATION DEQUANTIZE EXPAND_DIMS GATHER PACK PAD QUANTIZE RESHAPE SELECT SELECT_V2 SLICE SPLIT
SQUEEZE STRIDED_SLICE TRANSPOSE""".split()
_TYPES = {value: name.lower() for name, value in vars(schema.TensorType).items() if isinstance(value, int)}


def inspect(path):
    """All that a file says of itself and all that can be counted in it.

    Args:
        path: a file that `kbs-export` wrote.

    Returns:
        A dict: `megabytes`; `about`, the content of `keras_bert_suite.json`; `files`, names to bytes; `graphs`, for
        each signature its `length`, `inputs`, `outputs`, `operations` (name to how often), and which of them run
        outside of XNNPACK (`outside`, likewise) in how many `partitions`; `layers`, a list of `{"layer", "bytes",
        "types"}`, where a weight that graphs share counts once.

    Raises:
        InputError: the file is missing, cut off, or was not written by `kbs-export`.
    """
    files = metadata.read(path)
    about = files.pop(metadata.ABOUT)
    content = Path(path).read_bytes()
    try:
        model = schema.Model.GetRootAs(bytearray(content), 0)
        graphs = [_graph(model, signature, path) for signature in _signatures(model)]
        layers = _layers(model)
    # The classes of the schema read whatever bytes they are given.
    except (IndexError, TypeError, ValueError, AttributeError, KeyError, OverflowError) as error:
        raise InputError(f"{path} is no whole TFLite model: {type(error).__name__}.") from None
    return {
        "megabytes": len(content) / 1e6,
        "about": about,
        "files": {name: len(text.encode("utf-8")) for name, text in files.items()},
        "graphs": graphs,
        "layers": layers,
    }


def operations(content):
    """The operations of a TFLite model, its bytes: name to how often, over all its graphs."""
    model = schema.Model.GetRootAs(bytearray(content), 0)
    graphs = (model.Subgraphs(i) for i in range(model.SubgraphsLength()))
    return dict(Counter(name for graph in graphs for name, _, _ in _operations(model, graph)))


def float_operations(content):
    """Of the first graph of a TFLite model, its bytes, what computes in float: name to how often.

    What moves numbers, looks them up, or takes them from float to integers and back, is left out.
    """
    model = schema.Model.GetRootAs(bytearray(content), 0)
    graph = model.Subgraphs(0)
    floats = (name for name, _, made in _operations(model, graph) if _type(graph, made[0]) == "float32")
    return dict(Counter(name for name in floats if name not in _MOVES).most_common())


def products(content):
    """Of a TFLite model, its bytes, the products with a kernel: what each makes, by name, to the features it reads."""
    model = schema.Model.GetRootAs(bytearray(content), 0)
    graphs = [model.Subgraphs(i) for i in range(model.SubgraphsLength())]
    return {
        graph.Tensors(made[0]).Name().decode(): _shape(graph, read[1])[-1]
        for graph in graphs
        for name, read, made in _operations(model, graph)
        if name == "FULLY_CONNECTED"
    }


def _type(graph, i):
    return _TYPES[graph.Tensors(i).Type()]


def _signatures(model):
    return [model.SignatureDefs(i) for i in range(model.SignatureDefsLength())]


def _graph(model, signature, path):
    number = signature.SubgraphIndex()
    graph = model.Subgraphs(number)
    inputs = [signature.Inputs(i) for i in range(signature.InputsLength())]
    outputs = [signature.Outputs(i) for i in range(signature.OutputsLength())]
    nodes = _operations(model, graph)
    # The interpreter tells of its first graph alone; the others differ from it in their lengths.
    outside, partitions = _outside(path, nodes) if number == 0 else (None, None)
    return {
        "signature": signature.SignatureKey().decode(),
        "length": _length(graph.Tensors(inputs[0].TensorIndex())),
        "inputs": sorted(each.Name().decode() for each in inputs),
        "outputs": {each.Name().decode(): _shape(graph, each.TensorIndex()) for each in outputs},
        "operations": dict(Counter(name for name, _, _ in nodes).most_common()),
        "outside": outside,
        "partitions": partitions,
    }


def _length(tensor):
    """The ids of a row, None for any number."""
    signature = tensor.ShapeSignatureAsNumpy() if tensor.ShapeSignatureLength() else tensor.ShapeAsNumpy()
    return int(signature[1]) if signature[1] > 0 else None


def _shape(graph, i):
    return graph.Tensors(i).ShapeAsNumpy().tolist()


def _operations(model, graph):
    """The operations of a graph: name, numbers of the tensors that it reads, of those that it makes."""
    found = []
    for i in range(graph.OperatorsLength()):
        operation = graph.Operators(i)
        code = model.OperatorCodes(operation.OpcodeIndex())
        name = _OPERATIONS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        name = f"CUSTOM {code.CustomCode().decode()}" if name == "CUSTOM" else name
        found.append((name, operation.InputsAsNumpy().tolist(), operation.OutputsAsNumpy().tolist()))
    return found


def _outside(path, nodes):
    """Of the first graph, what XNNPACK leaves to the runtime, and in how many parts it takes the rest."""
    with quiet():
        interpreter = Interpreter(str(path), num_threads=1)
        interpreter.allocate_tensors()
        known = interpreter._get_ops_details()
    delegates = [node for node in known if node["op_name"] == "DELEGATE"]
    makers = {tensor: i for i, (_, _, made) in enumerate(nodes) for tensor in made}
    taken = set()
    for node in delegates:
        given, wanted = set(node["inputs"].tolist()), list(node["outputs"].tolist())
        while wanted:
            tensor = wanted.pop()
            if tensor in makers and tensor not in given and makers[tensor] not in taken:
                taken.add(makers[tensor])
                wanted += nodes[makers[tensor]][1]
    left = Counter(name for i, (name, _, _) in enumerate(nodes) if i not in taken)
    return dict(left.most_common()), len(delegates)


def _layers(model):
    """The bytes of the weights of each layer, those of the largest first."""
    sizes, types, seen = Counter(), {}, set()
    for i in range(model.SubgraphsLength()):
        graph = model.Subgraphs(i)
        for _, read, made in _operations(model, graph):
            for number in read:
                tensor = graph.Tensors(number) if number >= 0 else None
                size = model.Buffers(tensor.Buffer()).DataLength() if tensor else 0
                if not size or tensor.Buffer() in seen:
                    continue
                seen.add(tensor.Buffer())
                layer = layer_of(tensor.Name().decode()) or layer_of(graph.Tensors(made[0]).Name().decode())
                sizes[layer] += size
                types.setdefault(layer, Counter())[_TYPES[tensor.Type()]] += size
    return [
        {"layer": layer, "bytes": size, "types": dict(types[layer].most_common())}
        for layer, size in sizes.most_common()
    ]


def layer_of(name):
    """The layer that a tensor's name tells of, as `block_0/attention`; None where it tells of none.

    A converter joins the names of what it fused by semicolons, some of them cut at their beginning; Keras numbers a
    layer anew (`block_0_1`) each time that it is traced.
    """
    for part in name.split(";"):
        levels = part.split("/")
        if len(levels) > 2 and re.match(r"functional|model", levels[0]):
            return "/".join(re.sub(r"_1$", "", level) for level in levels[1:-1][:2])
    return None
