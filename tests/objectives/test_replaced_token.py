"""Replaced-token detection: what is drawn, the loss, whom a gradient reaches, and the encoder that is kept."""

import keras
import numpy as np
import pytest

from keras_bert_suite import Bert, Deberta, Electra, Encoder, InputError
from keras_bert_suite.objectives import ReplacedToken, attach, generator_of
from keras_bert_suite.objectives.replaced_token import BITS, DRAWS, Replace, draw
from tests.objectives.test_objectives import PREDICTIONS, SMALL, TIME, VOCABULARY, batch_of

STILL = {"dropout": 0.0, "attention_dropout": 0.0}


def batch_with_draws(rows=6, seed=0):
    rng, batch = np.random.default_rng(seed), batch_of(rows, seed)
    batch["padding_mask"][::2, -2:] = 0
    draws = rng.integers(0, 2**BITS, (rows, PREDICTIONS, DRAWS)).astype("int32")
    hidden = batch["masked_weights"] > 0
    batch["masked_draws"] = np.where(hidden[..., None], draws, -1)
    batch["masked_positions"] = np.where(hidden, batch["masked_positions"], 0)
    return batch


def made(family=Electra, width=0.5, depth=1.0, disentangled=False, tied=None, weights=(50.0, 1.0)):
    keras.utils.set_random_seed(2)
    narrow = {"embedding_dim": 16} if family is Electra else {}
    encoder = family(**{**SMALL, "dim": 32, **narrow, **STILL})
    generator = generator_of(encoder, width, depth, tied=not disentangled if tied is None else tied)
    objective = ReplacedToken(generator, weights[0], disentangled)
    objective.before[0].weight = weights[1]
    return attach(encoder, [objective]), encoder, generator


KINDS = {
    "electra": {},
    "deberta": {"family": Deberta, "width": 1.0, "depth": 0.5, "disentangled": True},
    "bert": {"family": Bert, "width": 1.0, "depth": 0.5},
    "bert with a narrow generator": {"family": Bert, "tied": False},
}


def inputs_of(model, batch):
    return {name: batch[name] for name in model.input}


def fit(model, batch, optimizer, steps=1):
    """Trains on one batch; gives the loss of the last steps."""
    model.compile(optimizer)
    if keras.backend.backend() == "jax":
        data = (inputs_of(model, batch), {k: v for k, v in batch.items() if k not in model.input})
        found = model.fit(*data, batch_size=len(batch["token_ids"]), epochs=steps, verbose=0, shuffle=False)
    else:
        data = pytest.importorskip("tensorflow").data.Dataset.from_tensors(batch).repeat()
        found = model.fit(data, steps_per_epoch=steps, verbose=0, shuffle=False)
    return found.history["loss"][-1]


@pytest.mark.parametrize("size", [2, 7, 40])
def test_draws_are_of_the_softmax(size):
    number, rng = 40000, np.random.default_rng(size)
    logits = rng.normal(0, 1.5, size).astype("float32")
    draws = rng.integers(0, 2**BITS, (100, number // 100, DRAWS)).astype("float32")
    found = np.asarray(draw(np.broadcast_to(logits, (*draws.shape[:2], size)), draws)).ravel().astype(int)
    expected = number * np.exp(logits) / np.exp(logits).sum()
    apart = ((np.bincount(found, minlength=size) - expected) ** 2 / expected).sum()
    # The mean of chi-square is its degrees of freedom, and its variance twice as much: 4 deviations.
    assert apart < size - 1 + 4 * np.sqrt(2 * (size - 1))


def test_the_last_numbers_draw_what_has_a_chance():
    logits = np.full((1, 4, 30), -1e9, "float32")
    logits[..., 11:13] = 0.0
    draws = np.array([0, 2**23 - 1, 2**23, 2**BITS - 1], "float32")[None, :, None].repeat(DRAWS, 2)
    assert set(np.asarray(draw(logits, draws)).ravel()) <= {11, 12}


def test_hidden_places_alone_are_replaced():
    batch = batch_with_draws(64)
    logits = np.random.default_rng(1).normal(0, 1, (64, PREDICTIONS, VOCABULARY)).astype("float32")
    names = ("token_ids", "masked_positions", "masked_ids", "masked_draws")
    found = {k: np.asarray(v) for k, v in Replace()(*(batch[name] for name in names), logits).items()}
    before, places, hidden = batch["token_ids"], batch["masked_positions"], batch["masked_weights"] > 0
    there = np.zeros((64, TIME), bool)
    for row in range(64):
        there[row, places[row][hidden[row]]] = True
    assert (found["token_ids"][~there] == before[~there]).all() and not found["replaced"][~there].any()
    drawn = np.asarray(draw(logits, batch["masked_draws"].astype("float32"))).astype(int)
    assert (np.take_along_axis(found["token_ids"], places, 1)[hidden] == drawn[hidden]).all()
    different = (drawn != batch["masked_ids"])[hidden]
    assert (np.take_along_axis(found["replaced"], places, 1)[hidden] == different).all() and 0 < different.mean() < 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_what_numpy_says(kind):
    model, encoder, generator = made(**KINDS[kind])
    batch = batch_with_draws()
    outputs = model(inputs_of(model, batch))
    chances = np.asarray(outputs["generator"]).astype("float64")
    chances -= np.log(np.exp(chances).sum(-1, keepdims=True))
    cross = -np.take_along_axis(chances, batch["masked_ids"][..., None], -1)[..., 0]
    expected = (cross * batch["masked_weights"]).sum() / batch["masked_weights"].sum()
    logits, replaced = (
        np.asarray(outputs["replaced_token"][name]).astype("float64") for name in ("logits", "replaced")
    )
    score = np.where(replaced > 0, 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(logits)))
    expected += 50 * (-np.log(score) * batch["padding_mask"]).sum() / batch["padding_mask"].sum()
    parts = model.sums(outputs, batch, model.totals(batch))
    # float32 against float64.
    assert float(model.total(parts)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("kind", "reaches"), [("electra", True), ("deberta", False)])
def test_whom_the_encoder_s_loss_reaches(kind, reaches):
    model, encoder, generator = made(**KINDS[kind], weights=(50.0, 0.0))
    before = [np.asarray(variable).copy() for variable in generator.weights]
    own = np.asarray(encoder.embeddings.token.embeddings).copy()
    fit(model, batch_with_draws(), keras.optimizers.SGD(0.1))
    moved = {v.path for v, old in zip(generator.weights, before, strict=True) if (np.asarray(v) != old).any()}
    tables = {"embeddings/token/embeddings", "embeddings/position/embeddings", "embeddings/segment/embeddings"}
    # Through what is drawn nothing goes: of a generator the tables alone learn, where they are the encoder's.
    assert moved == (tables if reaches else set())
    assert (np.asarray(encoder.embeddings.token.embeddings) != own).any()


def test_disentangled_the_generator_s_loss_moves_the_sum():
    model, encoder, generator = made(**KINDS["deberta"], weights=(0.0, 1.0))
    own, base = encoder.embeddings.token.embeddings, generator.embeddings.token.embeddings
    assert not np.asarray(own).any()
    first = np.asarray(base).copy()
    fit(model, batch_with_draws(), keras.optimizers.SGD(0.1))
    assert not np.asarray(own).any() and (np.asarray(base) != first).any()
    assert (np.asarray(model.trained().embeddings.token.embeddings) == np.asarray(base)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_is_a_plain_encoder(kind, tmp_path):
    model, encoder, generator = made(**KINDS[kind])
    batch, rng = batch_with_draws(), np.random.default_rng(3)
    for variable in model.trainable_variables:
        variable.assign(variable + rng.normal(0, 0.05, variable.shape).astype("float32"))
    model.trained().save_preset(tmp_path / "encoder")
    generator.save_preset(tmp_path / "generator")
    # Without hidden pieces the encoder reads the text itself.
    batch["masked_draws"] = np.full_like(batch["masked_draws"], -1)
    inner = next(layer for layer in model.layers if list(getattr(layer, "input", ())) == list(encoder.input))
    expected = np.asarray(model(inputs_of(model, batch))["replaced_token"]["logits"])
    head = inner.get_layer("replaced_token")
    found = head(Encoder.from_preset(tmp_path / "encoder")(inputs_of(encoder, batch))["sequence_output"])
    # The sum of two tables is rounded once, before or after its rows are read.
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-6)
    again, tied = Encoder.from_preset(tmp_path / "generator"), generator.embeddings.token is encoder.embeddings.token
    ours, theirs = (np.asarray(x.embeddings.token.embeddings) for x in (encoder, again))
    assert np.array_equal(ours, theirs) == tied


def test_a_saved_generator_goes_on(tmp_path):
    _, encoder, generator = made()
    generator.save_preset(tmp_path / "generator")
    again = generator_of(encoder, preset=str(tmp_path / "generator"))
    assert again.embeddings.token is encoder.embeddings.token
    assert all((np.asarray(a) == np.asarray(b)).all() for a, b in zip(again.weights, generator.weights, strict=True))


def test_attaching_changes_nothing_that_an_encoder_computes():
    keras.utils.set_random_seed(2)
    encoder, batch = Bert(**SMALL), batch_of()
    before = np.asarray(encoder(inputs_of(encoder, batch))["sequence_output"])
    model = attach(encoder, [ReplacedToken(Bert(**SMALL), disentangled=True)])
    after = np.asarray(model.trained()(inputs_of(encoder, batch))["sequence_output"])
    # A table less another and plus it again, in float32.
    np.testing.assert_allclose(after, before, atol=1e-6)


def lower_half(rows, seed):
    """Rows of the lower half of the vocabulary, some pieces of which are hidden."""
    batch, rng = batch_with_draws(rows, seed), np.random.default_rng(seed)
    text, hidden = rng.integers(5, VOCABULARY // 2, (rows, TIME)), np.zeros((rows, TIME), bool)
    np.put_along_axis(hidden, batch["masked_positions"], True, 1)
    batch["masked_ids"] = np.take_along_axis(text, batch["masked_positions"], 1).astype("int32")
    return {**batch, "token_ids": np.where(hidden, 4, text).astype("int32")}


def test_learns_which_pieces_are_not_the_text_s():
    # A generator that does not learn draws of all pieces.
    model, _, _ = made(weights=(50.0, 0.0))
    fit(model, lower_half(64, 0), keras.optimizers.Adam(5e-3), steps=30)
    batch = lower_half(64, 1)
    outputs = model(inputs_of(model, batch))
    found = float(model.sums(outputs, batch, model.totals(batch))["replaced_token"])
    part = np.asarray(outputs["replaced_token"]["replaced"])[batch["padding_mask"] > 0].mean()
    # What the best constant answer costs, which says of each piece that it is the text's.
    constant = -part * np.log(part) - (1 - part) * np.log(1 - part)
    assert found < 0.7 * constant, (found, part, constant)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: made(family=Bert, width=0.5), "expected the same shape for tables that are tied"),
        (lambda: made(width=0.0), "expected parts above 0 and up to 1"),
        (lambda: made(disentangled=True, tied=True), "the same token table"),
        (lambda: made(family=Bert, disentangled=True), "a narrower token table"),
    ],
)
def test_bad_input_is_one_line(make, message):
    with pytest.raises(InputError, match=message):
        make()
