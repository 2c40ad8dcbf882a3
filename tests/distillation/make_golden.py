"""Makes `golden.npz`: two tiny models of transformers, and distillation's losses between them as torch has them.

    python tests/distillation/make_golden.py

Needs torch and transformers, which the tests do not. Of `teacher` and `student` it has `NAME/config` (JSON) and
`NAME/weight:ARRAY`; `input:NAME` of a padded batch; `projection:kernel` and `bias`, from the student's width to the
teacher's; `loss:NAME`; and `gradient:GROUP:ARRAY`, of the sum of a group of losses. All is computed in float64.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file
from torch.nn import functional as F

SHARED = {"vocab_size": 50, "num_attention_heads": 4, "max_position_embeddings": 16, "num_labels": 3,
          "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}  # fmt: skip
SIZES = {
    "teacher": {**SHARED, "hidden_size": 24, "num_hidden_layers": 4, "intermediate_size": 24},
    "student": {**SHARED, "hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 20},
}
LENGTHS, TIME, HEADS, TEMPERATURE = (10, 7, 3), 10, 8, 2.0
GRADIENTS = (
    "bert.embeddings.word_embeddings.weight",
    "bert.encoder.layer.0.attention.self.query.weight",
    "bert.encoder.layer.1.attention.self.value.weight",
    "bert.encoder.layer.1.attention.self.key.bias",
    "classifier.weight",
)


def make(name):
    model = transformers.BertForSequenceClassification(transformers.BertConfig(**SIZES[name])).eval()
    with torch.no_grad():
        for path, parameter in model.named_parameters():
            offset = 1.0 if "LayerNorm" in path and path.endswith("weight") else 0.0
            scale = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.3
            parameter.copy_(offset + scale * torch.randn_like(parameter))
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        weights = load_file(Path(folder) / "model.safetensors")
        config = (Path(folder) / "config.json").read_text()
    return model.double(), {f"{name}/config": config, **{f"{name}/weight:{key}": x for key, x in weights.items()}}


def trace(model, batch):
    """Hidden states, the embeddings first; logits; and by block queries, keys and values as `(batch, time, dim)`."""
    kept = {"query": [], "key": [], "value": []}
    handles = [
        getattr(layer.attention.self, name).register_forward_hook(lambda _, __, x, name=name: kept[name].append(x))
        for layer in model.bert.encoder.layer
        for name in kept
    ]
    found = model(**batch, output_hidden_states=True)
    for handle in handles:
        handle.remove()
    return {"hidden": found.hidden_states, "logits": found.logits, **kept}


def heads(x, count):
    return x.unflatten(-1, (count, -1)).transpose(1, 2)


def products(x, y, count):
    x, y = heads(x, count), heads(y, count)
    return x @ y.transpose(-1, -2) / x.shape[-1] ** 0.5


def kl(student, teacher, mask):
    """KL of the teacher's attention and the student's, a mean over heads and real queries, of real keys."""
    hidden = ~mask[:, None, None, :]
    # Not minus infinity, whose products with 0 are none.
    p, q = (F.log_softmax(x.masked_fill(hidden, -1e9), -1) for x in (teacher, student))
    return F.kl_div(q, p, reduction="none", log_target=True).sum(-1).mean(1)[mask].mean()


def mse_of_scores(student, teacher, mask):
    real = (mask[:, None, :, None] & mask[:, None, None, :]).expand_as(student)
    squares = torch.where(real, (student - teacher) ** 2, 0.0)
    # Each query's mean over the keys that it reads.
    return (squares.sum(-1).mean(1) / mask.sum(-1, keepdim=True))[mask].mean()


def losses(student, teacher, mask, fit_dense):
    def scores(traced, block):
        return products(traced["query"][block], traced["key"][block], SHARED["num_attention_heads"])

    def relation(name, ours, theirs, count):
        return kl(*(products(x[name][i], x[name][i], count) for x, i in ((student, ours), (teacher, theirs))), mask)

    def vectors(ours, theirs):
        return fit_dense(student["hidden"][ours])[mask], teacher["hidden"][theirs][mask]

    soft, sure = (x["logits"] / TEMPERATURE for x in (student, teacher))
    chances = sure.softmax(-1)
    entropy = -(chances * chances.log()).sum(-1).mean()
    last = vectors(-1, -1)
    return {
        "tinybert": {
            "embeddings": F.mse_loss(*vectors(0, 0)),
            "hidden_states": sum(F.mse_loss(*vectors(*pair)) for pair in ((0, 0), (1, 2), (2, 4))),
            "attention_scores": sum(
                mse_of_scores(scores(student, i), scores(teacher, j), mask) for i, j in ((0, 1), (1, 3))
            ),
        },
        "minilm_v1": {
            "attention_distributions": kl(scores(student, 1), scores(teacher, 3), mask),
            "values": relation("value", 1, 3, SHARED["num_attention_heads"]),
        },
        "minilm_v2": {"relations": sum(relation(name, 1, 2, HEADS) for name in ("query", "key", "value"))},
        "distilbert": {
            "soft_logits": (F.cross_entropy(soft, chances) - entropy) * TEMPERATURE**2,
            "cosine": F.cosine_embedding_loss(*last, torch.ones(len(last[0]))),
        },
    }


def main():
    torch.manual_seed(0)
    models, arrays = {}, {}
    for name in SIZES:
        models[name], written = make(name)
        arrays.update(written)
    fit_dense = torch.nn.Linear(SIZES["student"]["hidden_size"], SIZES["teacher"]["hidden_size"]).double()
    mask = torch.arange(TIME) < torch.tensor(LENGTHS)[:, None]
    ids = torch.randint(3, SHARED["vocab_size"], mask.shape) * mask
    segments = (torch.arange(TIME) > 4).long() * mask
    batch = {"input_ids": ids, "attention_mask": mask.long(), "token_type_ids": segments}
    with torch.no_grad():
        teacher = trace(models["teacher"], batch)
    found = losses(trace(models["student"], batch), teacher, mask, fit_dense)
    parameters = dict(models["student"].named_parameters())
    for group, each in found.items():
        total = sum(each.values())
        wanted = {**{name: parameters[name] for name in GRADIENTS}, "fit_dense.weight": fit_dense.weight}
        gradients = torch.autograd.grad(total, list(wanted.values()), retain_graph=True, allow_unused=True)
        for name, gradient in zip(wanted, gradients, strict=True):
            if gradient is not None:
                arrays[f"gradient:{group}:{name}"] = gradient.float().numpy()
        arrays.update({f"loss:{name}": value.item() for name, value in each.items()})
    np.savez_compressed(
        Path(__file__).with_name("golden.npz"),
        **arrays,
        **{
            f"input:{name}": array.numpy().astype("int32")
            for name, array in (("token_ids", ids), ("padding_mask", mask), ("segment_ids", segments))
        },
        **{
            "projection:kernel": fit_dense.weight.detach().float().numpy().T,
            "projection:bias": fit_dense.bias.detach().float().numpy(),
        },
    )
    print({name.partition(":")[2]: float(x) for name, x in arrays.items() if name.startswith("loss:")})


if __name__ == "__main__":
    main()
