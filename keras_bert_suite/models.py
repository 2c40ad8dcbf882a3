"""`load_model`: a checkpoint together with the head that was trained on it."""

import inspect

from keras_bert_suite import heads
from keras_bert_suite.checkpoints import loading, presets
from keras_bert_suite.encoders import Encoder
from keras_bert_suite.encoders.encoder import family_of
from keras_bert_suite.errors import InputError


def load_model(folder, head=None, **overrides):
    """A checkpoint with its head, as a `keras.Model`.

    Args:
        folder: what `Encoder.from_preset` takes; or, without `head`, a folder that `kbs-finetune` wrote.
        head: `"masked_lm"`, `"next_sentence"`, `"sentence_order"`, `"replaced_token"`, `"permutation_lm"`,
            `"classification"`, `"token_classification"`, `"question_answering"` or `"multiple_choice"`; of these a
            family has what its published checkpoints have.
        **overrides: arguments of the family that differ from the checkpoint's, as `dropout=0.0`.

    Returns:
        A model from the encoder's inputs to `{"logits"}` (question answering: `start_logits`, `end_logits`;
        multiple choice takes `(batch, choices, time)`).

    Raises:
        InputError: nothing is there, or an array is missing, unused or misshapen; each is named.
    """
    if head is None:
        from keras_bert_suite.tasks import saved

        return saved.load(folder).model
    source = presets.open_source(folder)
    if "task" in source.config:
        raise InputError(
            f"{folder} is a folder of ours; load_model takes its head from it, so leave out head={head!r}."
        )
    return with_head(
        source,
        head,
        lambda encoder, config: heads.attach(encoder, head, units=_number_of_labels(source), config=config),
        **overrides,
    )[1]


def has_head(source, head):
    """Whether a checkpoint of Hugging Face's says that it holds this head."""
    return family_of(source).architectures.get(head, "") in (source.config.get("architectures") or ())


def with_head(source, head, build, **overrides):
    """An encoder and a model over it with a head of its checkpoint.

    Args:
        source: what `presets.open_source` gave.
        head: the head's name.
        build: a function from the encoder and the checkpoint's config to the model, whose layer has that name.
        **overrides: arguments of the family.

    Returns:
        `(encoder, model)`.
    """
    family = family_of(source)
    if head not in family.architectures:
        known = ", ".join(name for name in family.architectures if name != "encoder")
        raise InputError(f"{family.__name__} has no head {head!r}; it has {known}.")
    source = family.head_sources.get(head, lambda source: source)(source)
    pools = head in heads.POOLED and family.head_options.get(head, {}).get("pool", "pooler") == "pooler"
    without = {} if pools or "pooler" not in inspect.signature(family.__init__).parameters else {"pooler": None}
    encoder = Encoder.from_preset(source, load_weights=False, **without, **overrides)
    model = build(encoder, source.config)
    loading.load(model, source, family, ignore_encoder_extras=not pools)
    return encoder, model


def _number_of_labels(source):
    labels = source.config.get("id2label")
    return len(labels) if labels else source.config.get("num_labels", 2)
