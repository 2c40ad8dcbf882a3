r"""Distils a large model into a small one, and shows both beside the same small one trained without a teacher.

  {tool} --recipe=tinybert_task --teacher=runs/sst2 --student=Bert --set=num_layers=4 --set=dim=312 \
      --set=num_heads=12 --set=feed_forward_dim=1200 --task=classification --train=train.tsv --eval=dev.tsv \
      --output=runs/sst2_small
  {tool} --recipe=minilm_v2 --teacher=ENCODER --student=Bert --set=dim=256 --set=num_heads=8 --text='books/*.txt' \
      --held_out=other.txt --output=runs/small

fastbert gives the teacher itself exits, and has no --student. On a task the teacher is a folder of kbs-finetune; on
text a pre-trained encoder, with its masked-LM head for distilbert and mobilebert. OUTPUT/distilled is the student, a
folder that all tools take; OUTPUT/from_scratch the one that learnt from labels alone. A run that was killed goes on
when the command is repeated.
"""

import sys
from pathlib import Path

from absl import flags, logging

from keras_bert_suite import InputError, quiet
from keras_bert_suite.tools import command_line, flag_values, students_table

RECIPES = "task distilbert tinybert_general tinybert_task mobilebert minilm_v1 minilm_v2 fastbert".split()
FLAGS = flags.FLAGS
flags.DEFINE_enum("recipe", None, RECIPES, "How the student learns.", required=True)
flags.DEFINE_string("teacher", None, "A folder with the large model.", required=True)
flags.DEFINE_string("student", None, "A family, as Bert; or a folder with an encoder. Of fastbert none.")
flags.DEFINE_float("speed_budget", 0.5, "Of fastbert: points of the metric that may be lost by stopping early.", 0)
flags.DEFINE_multi_string("set", [], "An argument of the student, as dim=312.")
flags.DEFINE_enum("init", "teacher", ["teacher", "random"], "What a family's student begins as.")
flags.DEFINE_bool("prune_vocabulary", False, "With --task: a family's student has the pieces of --train alone.")
flags.DEFINE_string("task", None, "What the teacher has learnt, as classification.")
flags.DEFINE_string("train", None, "With --task: labelled examples.")
flags.DEFINE_string("eval", None, "With --task: those that all three are judged on.")
flags.DEFINE_list("columns", None, "Columns of a file without a header line, as label,text.")
flags.DEFINE_string("augmenter", None, "With --task: a masked LM, which writes copies of --train with other words.")
flags.DEFINE_integer("copies", 20, "Of each example at most, by --augmenter.", 1)
flags.DEFINE_multi_string("text", [], "In place of --task: text files, paths or patterns.")
flags.DEFINE_string("held_out", None, "With --text: a text file that all are judged on.")
flags.DEFINE_integer("max_length", 128, "Token ids of a row at most.", lower_bound=3)
flags.DEFINE_float("mask_rate", 0.15, "Of text: part of the pieces that are hidden.", 0, 1)
flags.DEFINE_list("epochs", [], "Of each stage of the recipe, or of all. Default: the recipe's.")
flags.DEFINE_list("learning_rate", [], "The highest, of each stage or of all. Default: the recipe's.")
flags.DEFINE_integer("scratch_epochs", None, "Of the student without a teacher. Default: as many as all stages.", 1)
flags.DEFINE_float("scratch_learning_rate", None, "The highest of that student. Default: 1e-4.", 0)
flags.DEFINE_integer("batch_size", 32, "Rows of a step, over all devices.", lower_bound=1)
flags.DEFINE_float("clip_norm", 1.0, "Norm that the gradients of a step are clipped to; 0 for none.", 0)
flags.DEFINE_integer("accumulation", 1, "Parts in which each device runs its rows.", lower_bound=1)
flags.DEFINE_integer("steps_per_execution", 1, "Steps that run as one.", lower_bound=1)
flags.DEFINE_bool("xla", False, "Compile the step of each device.")
flags.DEFINE_enum("dtype", "float32", ["float32", "mixed_bfloat16"], "Keras's policy for the student's training.")
flags.DEFINE_enum("teacher_dtype", "float32", ["float32", "mixed_bfloat16"], "Keras's policy for the teacher.")
flags.DEFINE_integer("teacher_block", None, "The last of its blocks that is learned from, counted from 1.", 1)
flags.DEFINE_enum("cache", "none", ["none", "float16", "float32"], "Run the teacher once, and keep what it says.")
flags.DEFINE_enum("strategy", "one_device", ["one_device", "mirrored", "multi_worker", "tpu"], "Of tf.distribute.")
flags.DEFINE_integer("replicas", None, "Logical devices that mirrored makes of the processors.", 1)
flags.DEFINE_integer("workers", None, "Processes to start on this machine, as with multi_worker.", 1)
flags.DEFINE_integer("checkpoint_every", 500, "Steps between two checkpoints.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Of initialization, order, masks and dropout.")
flags.DEFINE_string("output", None, "The folder to write.", required=True)
flags.DEFINE_string("json", None, "File for the figures of teacher, from_scratch and distilled.")


def main():
    if bool(FLAGS.task) == bool(FLAGS.text):
        raise InputError("Expected --task or --text, one of them.")
    flag_values.needs(*(("task", "train", "eval") if FLAGS.task else ("text", "held_out")))
    settings = command_line.settings(sys.modules[__name__], but=("json", "workers"))
    settings |= {name: flag_values.numbers(name, kind) for name, kind in (("epochs", int), ("learning_rate", float))}
    # Below it are lines on each new length of a batch, and on each all-reduce.
    logging.set_verbosity(logging.ERROR)
    # No device is asked for yet: a worker says first that it is one.
    with quiet.quiet():
        from keras_bert_suite import distilling

    settings = distilling.Settings(**settings)
    if FLAGS.workers is None:
        found = distilling.run(settings, command_line.progress)
    else:
        found = distilling.run_workers(settings, command_line.progress, FLAGS.workers, sys.argv[1:])
    if found is not None:
        found = students_table.write(found, FLAGS.teacher, Path(FLAGS.output), FLAGS.eval, FLAGS.columns)
        command_line.write_json(FLAGS.json, found)


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
