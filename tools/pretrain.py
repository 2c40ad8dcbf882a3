r"""Trains an encoder on text alone, from nothing or from a checkpoint, and writes a folder that the other tools take.

  {tool} --encoder=Bert --set=dim=256 --set=num_layers=4 --set=num_heads=4 --set=feed_forward_dim=1024 \
      --text='books/*.txt' --tokenizer=vocabulary --objective=masked_lm --steps=10000 --output=runs/mini
  {tool} --encoder=ENCODER --text=abstracts.txt --steps=2000 --learning_rate=5e-5 --output=runs/domain
  {tool} --encoder=XLNet --text='books/*.txt' --tokenizer=vocabulary --objective=permutation_lm --mask_rate=0.1667 \
      --max_length=512 --segments=2 --steps=10000 --output=runs/xlnet
  {tool} --encoder=Electra --set=embedding_dim=128 --objective=replaced_token --generator_width=0.25 \
      --text='books/*.txt' --tokenizer=vocabulary --learning_rate=5e-4 --steps=10000 --output=runs/electra

With --on_the_fly text is tokenized, packed and masked while it trains, nearly 3 million tokens a second on one core;
else a folder of rows is written first, which suits text that is larger or read often. --data takes what
kbs-prepare_data wrote in place of --text; next_sentence and sentence_order need it, with pairs.
replaced_token writes its generator too, as OUTPUT/generator, for --encoder=OUTPUT --generator=OUTPUT/generator.
A run that was killed goes on from its last checkpoint when the same command is given again, and ends as an unbroken
one does. OUTPUT/train.jsonl has a line for each step, OUTPUT/tensorboard the same for TensorBoard. With
--strategy=mirrored and any --replicas the losses are those of one device. --backend=jax needs no TensorFlow; rows,
their order and masks are the same, so that a run may go on with the other backend.
Two phases, as of BERT, or a batch that grows by parts; what a phase does not name is as the flags say:

  --phase=steps=900000,batch_size=256 --phase=steps=100000,max_length=512,batch_size=256
  --phase=steps=6000,batch_size=768..4608,accumulation=6 --phase=steps=60000,batch_size=4608,accumulation=6
"""

import importlib.util
import os
import sys

from absl import flags, logging

from keras_bert_suite import InputError, quiet
from keras_bert_suite.data import masking
from keras_bert_suite.tools import command_line

OBJECTIVES = "masked_lm enhanced_masked_lm next_sentence sentence_order span_boundary permutation_lm replaced_token"
FLAGS = flags.FLAGS
flags.DEFINE_string("encoder", None, "A family, as Bert; a folder with a checkpoint; or a preset.", required=True)
flags.DEFINE_multi_string("set", [], "An argument of the encoder, as dim=256.")
flags.DEFINE_list("objective", ["masked_lm"], f"What is learned, of {OBJECTIVES}.")
flags.DEFINE_string("generator", None, "Of replaced_token: a folder with one, to go on with.")
flags.DEFINE_float("generator_width", None, "Width of a new one in parts of the encoder's. Default: 0.25.", 0, 1)
flags.DEFINE_float("generator_depth", None, "Its number of blocks, likewise. Default: 1.", 0, 1)
flags.DEFINE_enum("generator_tables", None, ["tied", "gdes", "separate"], "As those of the encoder. Default: tied.")
flags.DEFINE_multi_string("text", [], "Text files, a path or a pattern; may be given several times.")
flags.DEFINE_string("data", None, "A folder that kbs-prepare_data wrote, in place of --text.")
flags.DEFINE_bool("on_the_fly", False, "Read --text while training, as packed rows; write no folder of rows.")
flags.DEFINE_string("held_out", None, "Text, or a folder of kbs-prepare_data, on which each checkpoint is judged.")
flags.DEFINE_string("tokenizer", None, "A folder with a tokenizer. Default: the data's or the checkpoint's.")
flags.DEFINE_integer("max_length", 128, "Token ids of a row.", lower_bound=3)
flags.DEFINE_enum("masking", "token", masking.UNITS, "What is hidden as a whole.")
flags.DEFINE_float("mask_rate", 0.15, "Part of the pieces that are hidden or predicted.", 0, 1)
flags.DEFINE_integer("segments", 1, "Of permutation_lm: parts of a row, which read those before as memory.", 1)
flags.DEFINE_integer("batch_size", 32, "Rows of a step, over all devices.", lower_bound=1)
flags.DEFINE_integer("steps", None, "Steps in all; with --phase they are the sum of its own.", lower_bound=1)
flags.DEFINE_multi_string("phase", [], "Steps with their own max_length, batch_size and so on, one after another.")
flags.DEFINE_string("optimizer", "adamw", "adamw bert_adamw stable_adamw lamb albert_lamb sgd.")
flags.DEFINE_float("learning_rate", 1e-4, "The highest.", 0)
flags.DEFINE_float("weight_decay", 0.01, "Its rate; biases and norms do not decay.", 0)
flags.DEFINE_string("schedule", "linear", "linear cosine polynomial constant inverse_sqrt warmup_stable_decay.")
flags.DEFINE_integer("warmup_steps", 0, "Steps in which the rate rises.", 0)
flags.DEFINE_float("clip_norm", 1.0, "Norm that the gradients of a step are clipped to; 0 for none.", 0)
flags.DEFINE_integer("accumulation", 1, "Parts in which each device runs its rows.", lower_bound=1)
flags.DEFINE_integer("steps_per_execution", 1, "Steps that run as one.", lower_bound=1)
flags.DEFINE_bool("remat", False, "Compute blocks again in the backward pass: less memory, a third more time.")
flags.DEFINE_bool("xla", False, "Compile the step of each device.")
flags.DEFINE_enum("dtype", "float32", ["float32", "mixed_bfloat16"], "Keras's policy.")
flags.DEFINE_enum("backend", None, ["tensorflow", "jax"], "Keras's. Default: KERAS_BACKEND, or tensorflow.")
flags.DEFINE_enum("strategy", "one_device", ["one_device", "mirrored", "multi_worker", "tpu"], "Devices.")
flags.DEFINE_integer("replicas", None, "Logical devices that mirrored makes of the processors.", 1)
flags.DEFINE_integer("workers", None, "Processes to start on this machine, with --strategy=multi_worker.", 1)
flags.DEFINE_float("peak_tflops", None, "TFLOP/s of a device, for the part of it that is used.", 0)
flags.DEFINE_integer("checkpoint_every", 1000, "Steps between two checkpoints.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Of initialization, order, masks and dropout.")
flags.DEFINE_string("output", None, "The folder to write.", required=True)


def main():
    backend = FLAGS.backend or os.environ.get("KERAS_BACKEND", "tensorflow")
    if not importlib.util.find_spec(backend):
        raise InputError(f"--backend={backend} needs {backend}, which is not installed.")
    os.environ["KERAS_BACKEND"] = backend  # Keras reads it when it is imported.
    # Of each all-reduce that tf.distribute traces there is a line at the level below.
    logging.set_verbosity(logging.WARNING)
    with quiet.quiet():
        from keras_bert_suite import pretraining

    settings = pretraining.Settings(**command_line.settings(sys.modules[__name__], but=("backend", "workers")))
    workers = () if FLAGS.workers is None else (FLAGS.workers, sys.argv[1:])
    (pretraining.run_workers if workers else pretraining.run)(settings, command_line.progress, *workers)
    if "TF_CONFIG" not in os.environ:
        print(f"{FLAGS.output}: an encoder with its tokenizer, train.jsonl and checkpoints")


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
