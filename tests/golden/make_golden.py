"""Makes the goldens: tiny models of Hugging Face transformers with random weights, their arrays, inputs and outputs.

    python tests/golden/make_golden.py

Needs torch and transformers, which the tests do not. One `.npz` a family: `config` (JSON), `weight:NAME`,
`input:NAME`, `output:NAME`. Outputs are computed in float64.
"""

import json
from pathlib import Path

import numpy as np
import torch
import transformers

ROWS = {
    "bert": (
        transformers.BertModel,
        transformers.BertConfig(
            vocab_size=61,
            hidden_size=24,
            num_hidden_layers=2,
            num_attention_heads=3,
            intermediate_size=40,
            max_position_embeddings=32,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        ),
    ),
}


def main():
    for family, (cls, config) in ROWS.items():
        torch.manual_seed(0)
        model = cls(config).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                offset = 1.0 if name.endswith("LayerNorm.weight") else 0.0
                parameter.copy_(offset + 0.3 * torch.randn_like(parameter))
            weights = {name: parameter.numpy().copy() for name, parameter in model.named_parameters()}
            generator = np.random.default_rng(0)
            mask = (np.arange(12) < np.array([[12], [7], [3]])).astype("int32")
            inputs = {
                "token_ids": generator.integers(0, config.vocab_size, mask.shape).astype("int32"),
                "segment_ids": (np.arange(12) > 4).astype("int32") * mask,
                "padding_mask": mask,
            }
            found = model.double()(
                torch.tensor(inputs["token_ids"]).long(),
                attention_mask=torch.tensor(mask),
                token_type_ids=torch.tensor(inputs["segment_ids"]).long(),
            )
        outputs = {"sequence_output": found.last_hidden_state, "pooled_output": found.pooler_output}
        np.savez_compressed(
            Path(__file__).with_name(f"{family}.npz"),
            config=json.dumps(config.to_dict()),
            **{f"weight:{name}": array for name, array in weights.items()},
            **{f"input:{name}": array for name, array in inputs.items()},
            **{f"output:{name}": tensor.float().numpy() for name, tensor in outputs.items()},
        )


if __name__ == "__main__":
    main()
