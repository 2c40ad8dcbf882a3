"""Makes the goldens: tiny models of Hugging Face transformers with random weights, their arrays, inputs and outputs.

    python tests/golden/make_golden.py [family ...]

Needs torch and transformers, which the tests do not. One `.npz` a row: `config` (JSON), `weight:NAME`, `input:NAME`,
`output:NAME`. Outputs are computed in float64.
"""

import inspect
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file

BERT = {
    "vocab_size": 61,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 32,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
ROTARY = {"vocab_size": 61, "hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 40}
# One row a family: the model type of transformers, and a config that is unlike any other.
ROWS = {
    "albert": {**BERT, "embedding_size": 16, "num_hidden_layers": 4, "num_hidden_groups": 2, "inner_group_num": 2},
    "bert": BERT,
    "convbert": {**BERT, "embedding_size": 16, "num_attention_heads": 4, "head_ratio": 2, "conv_kernel_size": 3,
                 "num_groups": 2},
    "deberta": {**BERT, "type_vocab_size": 0, "relative_attention": True, "pos_att_type": ["c2p", "p2c"],
                "position_biased_input": False, "max_relative_positions": -1},
    "deberta-v2": {**BERT, "type_vocab_size": 0, "relative_attention": True, "pos_att_type": ["c2p", "p2c"],
                   "position_biased_input": False, "position_buckets": 4, "share_att_key": False,
                   "norm_rel_ebd": "layer_norm", "conv_kernel_size": 3, "conv_act": "gelu"},
    "distilbert": {"vocab_size": 61, "dim": 24, "n_layers": 2, "n_heads": 3, "hidden_dim": 40, "dropout": 0.0,
                   "attention_dropout": 0.0, "max_position_embeddings": 32},
    "electra": {**BERT, "embedding_size": 16},
    "eurobert": {**ROTARY, "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2,
                 "pad_token_id": 0, "max_position_embeddings": 64},
    "fnet": BERT,
    "funnel": {"vocab_size": 61, "d_model": 24, "n_head": 3, "d_head": 8, "d_inner": 40, "block_sizes": [1, 2],
               "block_repeats": [1, 1], "num_decoder_layers": 1, "hidden_dropout": 0.0, "attention_dropout": 0.0},
    "mobilebert": {**BERT, "hidden_size": 32, "embedding_size": 16, "num_attention_heads": 4,
                   "intra_bottleneck_size": 24, "num_feedforward_networks": 2, "classifier_activation": True},
    "modernbert": {**ROTARY, "num_hidden_layers": 4, "local_attention": 8, "pad_token_id": 0, "bos_token_id": 1,
                   "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2, "max_position_embeddings": 64,
                   "norm_bias": True, "mlp_bias": True},
    "mpnet": BERT,
    "nomic_bert": {**BERT, "max_position_embeddings": 64},
    "roberta": {**BERT, "pad_token_id": 1},
    "roberta-prelayernorm": {**BERT, "pad_token_id": 1},
    "megatron-bert": BERT,
    "data2vec-text": {**BERT, "pad_token_id": 1},
    "roformer": {**BERT, "embedding_size": 16, "rotary_value": True},
    "squeezebert": {**BERT, "embedding_size": 24, "q_groups": 2, "k_groups": 4, "v_groups": 1,
                    "post_attention_groups": 2, "intermediate_groups": 4, "output_groups": 2,
                    "num_attention_heads": 3},
    "xlm": {"vocab_size": 61, "emb_dim": 24, "n_layers": 2, "n_heads": 3, "n_langs": 3, "use_lang_emb": True,
            "max_position_embeddings": 32, "dropout": 0.0, "attention_dropout": 0.0, "pad_token_id": 2},
    "xlnet": {"vocab_size": 61, "d_model": 24, "n_layer": 2, "n_head": 3, "d_inner": 40, "dropout": 0.0,
              "clamp_len": 5, "pad_token_id": 5},
    "xlm-roberta-xl": {**BERT, "pad_token_id": 1},
}  # fmt: skip


def inputs_of(model, vocab_size):
    """Three texts of different lengths, in our words."""
    mask = (np.arange(12) < np.array([[12], [9], [8]])).astype("int32")
    ids = np.random.default_rng(0).integers(3, vocab_size, mask.shape).astype("int32")
    pad_id = model.config.pad_token_id
    inputs = {
        "token_ids": np.where(mask, ids, pad_id if pad_id is not None else 0).astype("int32"),
        "padding_mask": mask,
    }
    if getattr(model.config, "type_vocab_size", 0) > 1 or model.config.model_type in ("funnel", "xlnet"):
        inputs["segment_ids"] = (np.arange(12) > 4).astype("int32") * mask
    if model.config.model_type == "funnel":
        inputs["segment_ids"][:, 0] = 2  # the segment of its first token
    if getattr(model.config, "n_langs", 0) > 1:
        inputs["language_ids"] = np.ones_like(ids)
    return inputs


def main(families):
    for family in families or ROWS:
        torch.manual_seed(0)
        config = transformers.AutoConfig.for_model(family, attn_implementation="eager", **ROWS[family])
        classes = transformers.MODEL_MAPPING[type(config)]
        model = (classes[0] if isinstance(classes, tuple) else classes)._from_config(config).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                offset = 1.0 if "norm" in name.lower().rpartition(".")[0] and name.endswith("weight") else 0.0
                # Matrices keep the size of what they are applied to: NoNorm's networks would else grow without bound.
                # XLNet's have an axis of heads, convolutions one of time: what is applied is all but the first axis.
                scale = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.3
                parameter.copy_(offset + scale * torch.randn_like(parameter))
            with tempfile.TemporaryDirectory() as folder:
                model.save_pretrained(folder)
                weights = load_file(Path(folder) / "model.safetensors")
                written = (Path(folder) / "config.json").read_text()
            inputs = inputs_of(model, config.vocab_size)
            theirs = {"token_ids": "input_ids", "padding_mask": "attention_mask", "segment_ids": "token_type_ids",
                      "language_ids": "langs"}  # fmt: skip
            taken = inspect.signature(model.forward).parameters
            arguments = {theirs[name]: torch.tensor(array) for name, array in inputs.items() if theirs[name] in taken}
            arguments = {name: array if "mask" in name else array.long() for name, array in arguments.items()}
            found = model.double()(**arguments)
        outputs = {"sequence_output": found.last_hidden_state}
        if getattr(found, "pooler_output", None) is not None:
            outputs["pooled_output"] = found.pooler_output
        np.savez_compressed(
            Path(__file__).with_name(f"{family}.npz"),
            config=written,
            **{f"weight:{name}": array for name, array in weights.items()},
            **{f"input:{name}": array for name, array in inputs.items()},
            **{f"output:{name}": tensor.float().numpy() for name, tensor in outputs.items()},
        )
        print(family, {name: tuple(tensor.shape) for name, tensor in outputs.items()}, len(weights), "arrays")


if __name__ == "__main__":
    main(sys.argv[1:])
