"""The tiny random reference models that Hugging Face transformers computed: where they are, what they hold."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

HEADS = {
    "mlm": "masked_lm",
    "gen": "masked_lm",
    "nsp": "next_sentence",
    "sop": "sentence_order",
    "rtd": "replaced_token",
    "seqcls": "classification",
    "tokcls": "token_classification",
    "qa": "question_answering",
    "mc": "multiple_choice",
}
BY_TOKEN = ("masked_lm", "permutation_lm", "replaced_token", "token_classification", "question_answering")


@dataclass
class Reference:
    """One reference folder, in our words."""

    folder: Path
    meta: dict
    inputs: dict
    expected: dict

    @classmethod
    def open(cls, folder):
        """Reads a folder."""
        meta = json.loads((folder / "meta.json").read_text())
        return cls(folder, meta, dict(np.load(folder / "inputs.npz")), dict(np.load(folder / "expected.npz")))

    @property
    def mask(self):
        """`(batch, time)`, 1 for real tokens."""
        return self.inputs["attention_mask"]

    def features(self, encoder_inputs, choices=False):
        """The arrays that an encoder with these inputs takes."""
        prefix = "mc_" if choices else ""
        names = {
            "token_ids": "input_ids",
            "segment_ids": "token_type_ids",
            "padding_mask": "attention_mask",
            "language_ids": "langs",
        }
        # Where transformers was given no languages, it added none.
        inputs = {f"{prefix}langs": np.full_like(self.inputs[f"{prefix}input_ids"], -1), **self.inputs}
        return {ours: inputs[prefix + names[ours]] for ours in encoder_inputs}

    def bound(self, tag):
        """1e-5, or three times what float32 itself is off there."""
        return max(1e-5, 3 * self.meta["f32_vs_f64_max_abs"][tag])

    def tags(self):
        """The heads that there are, by tag; the pre-training class counts as its two heads."""
        found = [tag for tag in self.meta["f32_vs_f64_max_abs"] if tag not in ("base", "pre")]
        extra = {"pre_seq_relationship_logits": "nsp", "pre_sop_logits": "sop"}
        return found + [tag for name, tag in extra.items() if name in self.expected]

    def logits(self, tag):
        """The expected outputs of a head, by our names."""
        if tag == "qa":
            return {f"{end}_logits": self.expected[f"qa_{end}_logits"] for end in ("start", "end")}
        names = {"nsp": "pre_seq_relationship_logits", "sop": "pre_sop_logits"}
        return {"logits": self.expected[names.get(tag, f"{tag}_logits")]}

    def with_head(self, tag, folder):
        """Writes the model with the weights of one head as a folder of its own."""
        arrays = load_file(self.folder / "model.safetensors")
        heads = load_file(self.folder / "heads.safetensors")
        arrays.update(
            {name.removeprefix(f"{tag}."): array for name, array in heads.items() if name.startswith(f"{tag}.")}
        )
        save_file(arrays, folder / "model.safetensors")
        config = json.loads((self.folder / "config.json").read_text())
        labels = self.meta["num_labels"].get(tag, 2)
        config["id2label"] = {str(i): f"LABEL_{i}" for i in range(labels)}
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    def loss(self, tag, outputs):
        """The loss that transformers computes from a head's outputs, as a tensor."""
        from keras import ops

        def cross_entropy(labels, logits):
            labels, logits = ops.reshape(labels, (-1,)), ops.reshape(logits, (-1, logits.shape[-1]))
            kept = ops.cast(labels >= 0, "float32")
            losses = ops.sparse_categorical_crossentropy(ops.maximum(labels, 0), logits, from_logits=True)
            return ops.sum(losses * kept) / ops.sum(kept)

        if tag == "qa":
            ends = (("start_positions", "start_logits"), ("end_positions", "end_logits"))
            return sum(cross_entropy(self.inputs[f"qa_{label}"], outputs[name]) for label, name in ends) / 2
        if tag == "rtd":
            labels, kept = self.inputs["rtd_labels"].astype("float32"), self.mask.astype("float32")
            losses = ops.binary_crossentropy(labels, outputs["logits"], from_logits=True)
            return ops.sum(losses * kept) / ops.sum(kept)
        labels = "mlm_labels" if tag in ("mlm", "gen") else f"{tag}_labels"
        return cross_entropy(self.inputs[labels], outputs["logits"])


def table(lines):
    """The differences that `tests/checkpoints/test_reference.py` reported, as a table in Markdown."""
    found = {}
    for entry in map(json.loads, lines):
        row = found.setdefault(entry["place"], {"hidden": "", "lm": "", "head": 0.0, "loss": 0.0, "norm": 0.0})
        if "hidden" in entry:
            row["hidden"] = f"{entry['hidden']:.1e} ({entry['bound']:.1e})"
        elif "logits" in entry and entry["head"] in ("mlm", "gen"):
            row["lm"] = f"{entry['logits']:.1e} ({entry['bound']:.1e})"
        elif "logits" in entry:
            row["head"] = max(row["head"], entry["logits"])
        else:
            row["loss"], row["norm"] = max(row["loss"], entry["loss"]), max(row["norm"], abs(entry["norm"]))
    rows = ["| reference | hidden states, attention | masked LM | other heads | loss | gradient norm, relative |"]
    rows.append("|---|---|---|---|---|---|")
    for place, row in found.items():
        numbers = " | ".join(f"{row[name]:.1e}" for name in ("head", "loss", "norm"))
        rows.append(f"| {place} | {row['hidden']} | {row['lm']} | {numbers} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table(sys.stdin))
