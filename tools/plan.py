r"""Says what a pre-training will take on some machines: memory, time of a step, input rate, hours and money.

  {tool} --encoder=bert_base_en_uncased --machines=1xh200,8xh200,256xtpu_v5e --batch_size=4096 --steps=56250
  {tool} --encoder=Bert --set=dim=512 --set=num_heads=8 --set=feed_forward_dim=2048 --machines=1xa100 --steps=100000
  {tool} --encoder=bert_large_en_uncased --machines=1xa100 --batch_size=79872 --steps=1 --rows_per_second=485.59

ENCODER is a preset's name or a family with BERT's block; nothing is built. The objective is masked LM over the hidden
places alone, in mixed_bfloat16. What comes out depends on --utilization: docs/scaling.md has what others reached. With
--rows_per_second, as measured, it says what part of the peak that is. The first command: 15.05 hours on one H200, 53
dollars. The last: .374 of the peak.
"""

import inspect
import sys

from absl import flags

from keras_bert_suite import InputError, quiet, scaling
from keras_bert_suite.evaluation import report
from keras_bert_suite.tools import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("encoder", None, "A preset's name, or a family, as Bert.", required=True)
flags.DEFINE_multi_string("set", [], "A size of the encoder, as dim=256.")
flags.DEFINE_list("machines", ["1xh200"], f"Counts and devices, as 8xh200; of {', '.join(scaling.DEVICES)}.")
flags.DEFINE_list("price", None, "Dollars an hour for one device, a number for each machine. Default: a list's.")
flags.DEFINE_float("link", None, "GB/s that each device sends. Default: that of devices in one machine or pod.", 1e-3)
flags.DEFINE_integer("batch_size", 256, "Rows of a step, over all devices.", lower_bound=1)
flags.DEFINE_integer("max_length", 128, "Token ids of a row.", lower_bound=3)
flags.DEFINE_float("mask_rate", 0.15, "Part of the pieces that are hidden.", 0, 1)
flags.DEFINE_integer("steps", None, "Steps in all.", lower_bound=1, required=True)
flags.DEFINE_enum("optimizer", "adamw", list(scaling.OPTIMIZERS), "As kbs-pretrain has it.")
flags.DEFINE_integer("accumulation", None, "Parts in which each device runs its rows. Default: as few as fit.", 1)
flags.DEFINE_bool("rematerialize", False, "Compute blocks again on the way back rather than keep what they gave.")
flags.DEFINE_bool("overlap", False, "Exchange gradients while others are computed; kbs-pretrain does not.")
flags.DEFINE_float("utilization", 0.3, "Part of the peak that a device reaches between exchanges.", 1e-3, 1)
flags.DEFINE_float("rows_per_second", None, "Of all devices, as measured.", 1e-3)
flags.DEFINE_string("json", None, "File for all of it as JSON.")


def main():
    machines = scaling.machines(FLAGS.machines, FLAGS.price, FLAGS.link)
    predictions = max(1, round(FLAGS.max_length * FLAGS.mask_rate))
    sizes = (FLAGS.batch_size, FLAGS.max_length, predictions, FLAGS.steps)
    training = scaling.Training(_shape(), *sizes, FLAGS.optimizer, FLAGS.rematerialize)
    print(f"{training.shape.parameters:,} parameters with the head; {training.operations / 1e12:,.2f} TFLOP a step")
    if FLAGS.rematerialize:
        print(f"{training.executed / 1e12:,.2f} TFLOP a step with what is computed again")
    if FLAGS.rows_per_second:
        for name, device, count in machines:
            reached = scaling.utilization(training, device, count, FLAGS.rows_per_second)
            print(f"{name}: {FLAGS.rows_per_second:,} rows a second are {reached:.3f} of the peak")
        return
    found = {
        name: scaling.plan(training, device, count, FLAGS.utilization, FLAGS.accumulation, FLAGS.overlap)
        for name, device, count in machines
    }
    command_line.write_json(FLAGS.json, found)
    print(report.text_table(scaling.HEADER, [scaling.row(name, one) for name, one in found.items()]))


def _shape():
    with quiet.quiet():
        from keras_bert_suite.encoders import FAMILIES, presets
    preset = presets().get(FLAGS.encoder, {"family": FLAGS.encoder, "arguments": {}})
    if preset["family"] not in FAMILIES:
        raise InputError(f"--encoder={FLAGS.encoder}; expected a preset's name or one of {', '.join(FAMILIES)}.")
    signature = inspect.signature(FAMILIES[preset["family"]].__init__).parameters.values()
    defaults = {one.name: one.default for one in signature if one.default is not one.empty}
    return scaling.Shape.of(preset["family"], {**defaults, **preset["arguments"]}, FLAGS.set)


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
