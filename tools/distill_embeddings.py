r"""Distils a sentence encoder, or a cross-encoder, into a small model of sentence embeddings.

  {tool} --teacher=all-MiniLM-L6-v2 --student=Electra --set=embedding_dim=64 --set=dim=192 --set=num_layers=3 \
      --set=num_heads=4 --set=feed_forward_dim=768 --set=dropout=0 --text='sentences/*.txt' --steps=5000 \
      --judge=sts_dev.tsv --output=runs/embeddings
  {tool} --recipe=cross_encoder --teacher=runs/ranker --student=runs/embeddings --text=candidates.tsv --epochs=2 \
      --output=runs/retriever

embedding: the student learns the teacher's vector of each text, and how alike the teacher finds those of a batch.
cross_encoder: the teacher reads a query and a candidate together, the student each by itself; it learns by how much
one candidate is better than another. The teacher reads once, and what it says is kept in OUTPUT_teacher. OUTPUT is a
folder that all tools take. A run that was killed goes on when the command is repeated.
The first command with 48,000 sentences, stopped after 2,100 steps: 3.3 million parameters, Spearman .824 on STS-B dev,
where the 22.7 million of the teacher have .867.
"""

import sys

from absl import flags, logging

from keras_bert_suite import quiet
from keras_bert_suite.tools import command_line

FLAGS = flags.FLAGS
flags.DEFINE_enum("recipe", "embedding", ["embedding", "cross_encoder"], "What the teacher is.")
flags.DEFINE_string("teacher", None, "A folder: of a sentence encoder, or of a ranking model.", required=True)
flags.DEFINE_string("student", None, "A family, as Electra; a folder with an encoder; or a preset.", required=True)
flags.DEFINE_multi_string("set", [], "An argument of the student, as dim=192.")
flags.DEFINE_multi_string("text", None, "Files, or patterns of them: a text a line, or tables.", required=True)
flags.DEFINE_list("columns", None, "Columns of tables without a header line, as text,pair.")
flags.DEFINE_string("tokenizer", None, "A folder. Default: the student's; of a family the teacher's.")
flags.DEFINE_enum("tables", "teacher", ["teacher", "new"], "What a family's token table begins as.")
flags.DEFINE_string("pool", "mean", "How tokens become a vector: mean, max, first or last.")
flags.DEFINE_bool("normalize", True, "Whether the student's vectors have length 1.")
flags.DEFINE_float("vector_weight", 1.0, "Of 1 less the cosine of the two vectors of a text.", 0)
flags.DEFINE_float("similarity_weight", 10.0, "Of the squared differences between cosines of two texts.", 0)
flags.DEFINE_float("margin_weight", 0.0, "Of those between differences of two cosines.", 0)
flags.DEFINE_float("token_weight", 0.0, "Of 1 less the cosine of a token's states; 800 bytes a token on disk.", 0)
flags.DEFINE_integer("group", 32, "Texts that are compared with one another.", 2)
flags.DEFINE_integer("candidates", 4, "Of a query, the best of which is compared with each of the others.", 2)
flags.DEFINE_float("scale", None, "What the cross-encoder's margins are divided by. Default: by themselves.")
flags.DEFINE_integer("max_length", 128, "Token ids of a text at most.", 3)
flags.DEFINE_integer("batch_size", 64, "Texts a step, or queries.", 1)
flags.DEFINE_integer("steps", None, "Steps; or --epochs.", 1)
flags.DEFINE_integer("epochs", None, "Times that all texts are read.", 1)
flags.DEFINE_float("learning_rate", 1e-3, "The highest.", 0)
flags.DEFINE_float("weight_decay", 0.01, "Its rate.", 0)
flags.DEFINE_float("warmup", 0.1, "Part of the steps in which the rate rises.", 0, 1)
flags.DEFINE_float("clip_norm", 1.0, "Norm that the gradients of a step are clipped to; 0 for none.", 0)
flags.DEFINE_string("judge", None, "Scored pairs, or triplets, on which both are judged at the end.")
flags.DEFINE_string("cache", None, "The folder of what the teacher said. Default: OUTPUT_teacher.")
flags.DEFINE_integer("checkpoint_every", 1000, "Steps between two checkpoints.", 1)
flags.DEFINE_enum("strategy", "one_device", ["one_device", "mirrored", "tpu"], "Of tf.distribute.")
flags.DEFINE_integer("replicas", None, "Logical devices that mirrored makes of the processors.", 1)
flags.DEFINE_integer("seed", 0, "Of initialization, order and dropout.")
flags.DEFINE_string("output", None, "The folder to write.", required=True)
flags.DEFINE_string("json", None, "File for the figures of --judge.")


def main():
    settings = command_line.settings(sys.modules[__name__], but=("json",))
    settings["encoder"] = settings.pop("student")
    # Below it are lines on each new length of a batch, and on each all-reduce.
    logging.set_verbosity(logging.ERROR)
    with quiet.quiet():
        from keras_bert_suite import embedding_distillation

    student = embedding_distillation.run(embedding_distillation.Settings(**settings), command_line.progress)
    command_line.write_json(FLAGS.json, student.figures)
    shown = ", ".join(f"{name} {x:.4f}" for name, x in student.figures.items() if isinstance(x, float))
    print(f"{FLAGS.output}: {student.model.count_params():,} parameters{', ' * bool(shown)}{shown}")


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
