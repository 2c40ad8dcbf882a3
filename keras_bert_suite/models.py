"""`load_model`: a checkpoint together with the head that was trained on it."""

from keras_bert_suite import heads
from keras_bert_suite.checkpoints import loading, presets
from keras_bert_suite.encoders import Encoder
from keras_bert_suite.errors import InputError


def load_model(folder, head=None, **overrides):
    """A checkpoint with its head, as a `keras.Model`.

    Args:
        folder: what `Encoder.from_preset` takes; or, without `head`, a folder that `kbs-finetune` wrote.
        head: `"masked_lm"`, `"next_sentence"`, `"classification"`, `"token_classification"`,
            `"question_answering"` or `"multiple_choice"`.
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
    needs_pooler = head not in ("masked_lm", "token_classification", "question_answering")
    encoder = Encoder.from_preset(
        folder, load_weights=False, **({} if needs_pooler else {"pooler": None}), **overrides
    )
    family = type(encoder)
    model = heads.attach(encoder, head, units=_number_of_labels(source))
    loading.load(model, source, family, ignore_encoder_extras=not needs_pooler)
    return model


def _number_of_labels(source):
    labels = source.config.get("id2label")
    return len(labels) if labels else source.config.get("num_labels", 2)
