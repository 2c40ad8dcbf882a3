"""Makes `kbs_tiny_en`: a vocabulary of 6,000 pieces, and an encoder distilled from all-MiniLM-L6-v2.

    python -m keras_bert_suite.bundled.make_kbs_tiny_en --teacher=FOLDER --shared=FOLDER [--evaluate]

The teacher reads each sentence once; the student learns its last hidden states averaged over words, its mean-pooled
sentence vectors, and how alike they are. `kbs_tiny_en/README.md` says of what text, how long it took, and what
`--evaluate` gives; that needs scikit-learn, scipy, and STS-B in `--shared`.
"""

import argparse
import csv
import json
import os
import random
import re
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tokenizers
from keras import ops
from safetensors.numpy import load_file, save_file

from keras_bert_suite import Encoder, Tokenizer
from keras_bert_suite.checkpoints.writing import write_hugging_face
from keras_bert_suite.encoders import Bert
from keras_bert_suite.evaluation.metrics import regression
from keras_bert_suite.layers import Pool
from keras_bert_suite.tokenizers.tokenizer import SPECIAL_TOKENS
from keras_bert_suite.training.optimizers import adamw

HERE = Path(__file__).parent
COMMANDS = HERE.parent / "data" / "assistant_commands"
SIZES = dict(num_layers=4, num_heads=4, dim=128, feed_forward_dim=512, max_length=128, activation="gelu_erf")
TEACHER_DIM = 384
VOCAB_SIZE, COMMAND_REPEATS = 6000, 3
SHARD = 2000  # sentences a file of the teacher's vectors


def read_commands(split):
    """Texts and labels of the package's own commands."""
    rows = [json.loads(line) for line in (COMMANDS / f"{split}.jsonl").read_text().splitlines()]
    return [row["text"] for row in rows], [row["label"] for row in rows]


def read_corpus(shared):
    """Different sentences of 3 to 40 words: all commands first, then novels and Wikipedia, mixed."""
    sentences = []
    for path in sorted((shared / "data/text/english_novels").glob("*.txt")):
        for paragraph in re.split(r"\n\s*\n", path.read_text(encoding="utf-8-sig")):
            sentences += re.split(r"(?<=[.!?;])['\"’”]?\s+", " ".join(paragraph.replace("_", " ").split()))
    wikipedia = (shared / "data/text/wikitext2/wiki.valid.tokens").read_text(encoding="utf-8")
    for sentence in re.split(r"\n|(?<= [.;]) ", wikipedia):
        if "<unk>" not in sentence and not sentence.startswith(" ="):
            sentence = re.sub(r" @(.)@ ", r"\1", sentence)
            sentences.append(re.sub(r" (?=[.,;:!?)%]|'s )|(?<=[($]) ", "", sentence).strip())
    kept = sorted({sentence for sentence in sentences if 3 <= len(sentence.split()) <= 40})
    random.Random(0).shuffle(kept)
    return sorted(set(read_commands("train")[0])) + kept


def make_tokenizer(texts):
    """WordPiece that knows every printable ASCII character, at the start of a word and within."""
    ascii_pieces = [chr(code) for code in range(33, 127)]
    model = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    model.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    model.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=VOCAB_SIZE, special_tokens=list(SPECIAL_TOKENS), initial_alphabet=ascii_pieces, limit_alphabet=112
    )
    model.train_from_iterator(texts, trainer)
    pieces = sorted(model.get_vocab(), key=model.get_vocab().get)
    lacking = [piece for piece in [*ascii_pieces, *("##" + p for p in ascii_pieces)] if piece not in pieces]
    # The last pieces are those that were merged last, and so the rarest.
    return Tokenizer(pieces[: VOCAB_SIZE - len(lacking)] + lacking)


def word_matrix(encodings, length, words=None):
    """`(batch, words, time)`: row `w` averages the pieces of word `w`."""
    matrix = np.zeros((len(encodings), words or max(max(e.words[1:-1]) for e in encodings) + 1, length), "float32")
    for i, encoding in enumerate(encodings):
        for position, word in enumerate(encoding.words):
            if word is not None:
                matrix[i, word, position] = 1.0
    return matrix / np.maximum(matrix.sum(axis=-1, keepdims=True), 1.0)


def read_with_teacher(folder, sentences, work):
    """What the teacher says of each sentence: float16 vectors of its words, and their mean; kept in shards."""
    encoder, tokenizer = Encoder.from_preset(folder), Tokenizer.from_preset(folder)
    for start in range(0, len(sentences), SHARD):
        path = work / f"teacher_{start:06}.npz"
        if path.exists():
            continue
        encodings = tokenizer.encode_batch(sentences[start : start + SHARD], max_length=128)
        order = sorted(range(len(encodings)), key=lambda row: len(encodings[row].ids))
        word_vectors, means = [None] * len(order), [None] * len(order)
        for rows in (order[i : i + 32] for i in range(0, len(order), 32)):
            inputs = tokenizer.arrays([encodings[row] for row in rows])
            hidden = encoder.predict_on_batch(inputs)["sequence_output"]
            averages = word_matrix([encodings[row] for row in rows], hidden.shape[1]) @ hidden
            for row, average, vectors, mask in zip(rows, averages, hidden, inputs["padding_mask"], strict=True):
                word_vectors[row] = average[: max(encodings[row].words[1:-1]) + 1].astype("float16")
                means[row] = vectors[mask == 1].mean(axis=0)
        ends = np.cumsum([len(vectors) for vectors in word_vectors])
        np.savez(work / "unfinished.npz", words=np.concatenate(word_vectors), ends=ends, means=np.stack(means))
        os.replace(work / "unfinished.npz", path)


def training_data(sentences, tokenizer, work, batch_size, epochs):
    """Batches of sentences of about one length, and the number of them in an epoch."""
    words, means = [], []
    for start in range(0, len(sentences), SHARD):
        with np.load(work / f"teacher_{start:06}.npz") as shard:
            words += np.split(shard["words"], shard["ends"][:-1])
            means.append(shard["means"])
    words, means = words[: len(sentences)], np.concatenate(means)[: len(sentences)]
    encodings = tokenizer.encode_batch(sentences, max_length=SIZES["max_length"])
    commands = len(set(read_commands("train")[0]))
    rows = list(range(len(sentences))) + list(range(commands)) * (COMMAND_REPEATS - 1)
    rows = [row for row in rows if not encodings[row].truncated and max(encodings[row].words[1:-1]) < len(words[row])]

    def batches():
        for epoch in range(epochs):
            generator = random.Random(epoch)
            order = sorted(rows, key=lambda row: len(encodings[row].ids) + 3 * generator.random())
            starts = list(range(0, len(order), batch_size))
            generator.shuffle(starts)
            for start in starts:
                batch = order[start : start + batch_size]
                inputs = tokenizer.arrays([encodings[row] for row in batch])
                targets = np.zeros((len(batch), max(len(words[row]) for row in batch), means.shape[1]), "float32")
                for i, row in enumerate(batch):
                    targets[i, : len(words[row])] = words[row]
                length = inputs["token_ids"].shape[1]
                inputs["words"] = word_matrix([encodings[row] for row in batch], length, targets.shape[1])
                named = dict.fromkeys(("mean", "pooled", "mean_map", "pooled_map"), means[batch])
                yield inputs, {"words": targets, **named}

    def spec(array):
        last = TEACHER_DIM if array.shape[-1] == TEACHER_DIM else None
        return tf.TensorSpec((None,) * (array.ndim - 1) + (last,), array.dtype)

    signature = tf.nest.map_structure(spec, next(batches()))
    return tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(2), -(-len(rows) // batch_size)


def first_table(tokenizer, teacher):
    """A token table to begin with: the teacher's rows of each piece, averaged, in their 128 main directions."""
    theirs = Tokenizer.from_preset(teacher)
    rows = np.asarray(Encoder.from_preset(teacher).embeddings.token.embeddings)
    ids = {piece: i for i, piece in enumerate(theirs.vocabulary)}
    table = np.stack([
        rows[ids[piece]] if piece in ids else rows[theirs.encode(piece.removeprefix("##")).ids[1:-1]].mean(axis=0)
        for piece in tokenizer.vocabulary
    ])
    table -= table.mean(axis=0)
    table = table @ np.linalg.svd(table, full_matrices=False)[2][: SIZES["dim"]].T
    return 0.03 * table / table.std()


def cosine_loss(target, output):
    """1 - cosine; of words, the mean over those that are there."""
    real = ops.cast(ops.any(target != 0.0, axis=-1), "float32")
    losses = real * (1.0 - ops.sum(ops.normalize(target, axis=-1) * ops.normalize(output, axis=-1), axis=-1))
    return losses if len(losses.shape) == 1 else ops.sum(losses, axis=-1) / ops.sum(real, axis=-1)


def similarity_loss(target, output):
    """Squared differences of the cosines between the sentences of a batch, since cosines are what users compare."""
    target, output = ops.normalize(target, axis=-1), ops.normalize(output, axis=-1)
    difference = ops.matmul(target, ops.transpose(target)) - ops.matmul(output, ops.transpose(output))
    return ops.mean(ops.square(difference), axis=-1)


def train(encoder, data, steps, learning_rate, epochs):
    """Fits the encoder; the maps to the teacher's width are thrown away."""
    matrix = keras.Input((None, None), name="words")
    outputs = encoder(encoder.input)
    vectors, pooled = outputs["sequence_output"], outputs["pooled_output"]
    mean = Pool("mean", name="mean")(vectors, padding_mask=encoder.input["padding_mask"])
    student = keras.Model(
        {**encoder.input, "words": matrix},
        {
            "words": keras.layers.Dense(TEACHER_DIM, name="word_map")(keras.layers.Dot((2, 1))([matrix, vectors])),
            "mean": mean,
            "pooled": pooled,
            "mean_map": keras.layers.Dense(TEACHER_DIM, name="mean_map")(mean),
            "pooled_map": keras.layers.Dense(TEACHER_DIM, name="pooled_map")(pooled),
        },
    )
    losses = {"words": cosine_loss, "mean_map": cosine_loss, "pooled_map": cosine_loss}
    student.compile(
        adamw(learning_rate, steps * epochs),
        loss={**losses, "mean": similarity_loss, "pooled": similarity_loss},
        loss_weights={"words": 1.0, "mean_map": 1.0, "pooled_map": 0.5, "mean": 10.0, "pooled": 5.0},
        jit_compile=False,
    )
    student.fit(data, steps_per_epoch=steps, epochs=epochs, verbose=2)


def write(encoder, tokenizer, folder):
    """Writes the folder, its arrays in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(folder)
    (folder / "tokenizer.json").unlink()
    final = Bert(vocab_size=tokenizer.vocab_size, **SIZES)
    final.set_weights(encoder.get_weights())
    write_hugging_face(final, folder)
    arrays = {name: array.astype("float16") for name, array in load_file(folder / "model.safetensors").items()}
    save_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)


def evaluate(encoder, tokenizer, shared):
    """Intents of commands by a linear probe, and STS-B dev by cosine, of mean-pooled vectors and of the pooler's."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def vectors(texts):
        means, pooled = [], []
        for start in range(0, len(texts), 64):
            inputs = tokenizer.arrays(tokenizer.encode_batch(texts[start : start + 64], max_length=128))
            outputs = encoder.predict_on_batch(inputs)
            means.append(np.asarray(Pool("mean")(outputs["sequence_output"], padding_mask=inputs["padding_mask"])))
            pooled.append(outputs["pooled_output"])
        return np.concatenate(means), np.concatenate(pooled)

    (train_texts, train_labels), (test_texts, test_labels) = read_commands("train"), read_commands("test")
    with open(shared / "data/sts/stsb_en/dev.csv", encoding="utf-8", newline="") as file:
        first, second, scores = zip(*csv.reader(file), strict=True)
    figures = {}
    for kind, *found in zip(("mean", "pooled"), *map(vectors, (train_texts, test_texts, first, second)), strict=True):
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(found[0], train_labels)
        a, b = (array / np.linalg.norm(array, axis=1, keepdims=True) for array in found[2:])
        figures[kind] = {
            "intents": round(probe.score(found[1], test_labels), 4),
            "stsb_dev": round(regression(scores, (a * b).sum(axis=1))["spearman"], 4),
        }
    return figures


def main():
    """Makes the encoder, or gives its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--shared", default=os.environ.get("KBS_SHARED", "../shared"), help="folder of data/text")
    parser.add_argument("--work", default="build/kbs_tiny_en", help="folder of what the teacher said")
    parser.add_argument("--output", default=HERE / "kbs_tiny_en", help="folder to write")
    parser.add_argument("--sentences", type=int, default=36000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument("--evaluate", action="store_true", help="give the figures of --output; make nothing")
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(0)
    shared, work, output = Path(arguments.shared), Path(arguments.work), Path(arguments.output)
    if arguments.evaluate:
        folders = {"kbs_tiny_en": output, "random weights": output, "teacher": arguments.teacher}
        for name, folder in folders.items():
            encoder = Encoder.from_preset(folder, load_weights=name != "random weights")
            print(name, evaluate(encoder, Tokenizer.from_preset(folder), shared), flush=True)
        return
    work.mkdir(parents=True, exist_ok=True)
    corpus = read_corpus(shared)
    sentences = corpus[: arguments.sentences]
    read_with_teacher(arguments.teacher, sentences, work)
    tokenizer = make_tokenizer(corpus + read_commands("train")[0] * COMMAND_REPEATS)
    # A student this small does not overfit; the rates of dropout that the folder states are for fine-tuning.
    encoder = Bert(vocab_size=tokenizer.vocab_size, **SIZES, dropout=0.0, attention_dropout=0.0)
    encoder.embeddings.token.set_weights([first_table(tokenizer, arguments.teacher)])
    data, steps = training_data(sentences, tokenizer, work, arguments.batch_size, arguments.epochs)
    train(encoder, data, steps, arguments.learning_rate, arguments.epochs)
    write(encoder, tokenizer, output)


if __name__ == "__main__":
    main()
