r"""Fine-tunes an encoder on labelled text, and writes a folder that the other tools take.

  {tool} --task=classification --encoder=ENCODER --train=train.tsv --eval=dev.tsv --output=runs/sst2

ENCODER is a folder with a checkpoint (Hugging Face's, Google's, or ours), a preset's name, or hf://org/name.
A run that was killed goes on from its last whole epoch when the same command is given again.
"""

import sys
from pathlib import Path

from absl import flags

from keras_bert_suite import InputError, quiet
from keras_bert_suite.tasks import TASKS
from keras_bert_suite.tools import command_line, seeds

FLAGS = flags.FLAGS
flags.DEFINE_enum("task", None, list(TASKS), "What to learn.", required=True)
flags.DEFINE_string("encoder", None, "Where the pre-trained encoder is.", required=True)
flags.DEFINE_string("train", None, "Training data, a file of the task's usual form; see the README.", required=True)
flags.DEFINE_string("eval", None, "Data that each epoch is judged on.", required=True)
flags.DEFINE_string("output", None, "The folder to write.", required=True)
flags.DEFINE_multi_string("set", [], "A setting of the task, as problem=regression, stride=64; see its class.")
flags.DEFINE_list("columns", None, "Columns of a file without a header line, as label,text,pair.")
flags.DEFINE_bool("lowercase", None, "Lower the case of texts. Default: as the checkpoint says.")
flags.DEFINE_string("recipe", "default", "default bert stable layer_decay reinitialized frozen r_drop lora.")
flags.DEFINE_integer("epochs", None, "Times that all of the training data is read. Default: the recipe's.", 1)
flags.DEFINE_integer("batch_size", None, "Examples a step. Default: the recipe's, 32 or 16.", 1)
flags.DEFINE_float("learning_rate", None, "Highest learning rate of AdamW. Default: the recipe's.", 0)
flags.DEFINE_float("warmup", None, "Part of the steps in which the learning rate rises. Default: 0.1.", 0, 1)
flags.DEFINE_float("dropout", 0.1, "Dropout of the head.", lower_bound=0, upper_bound=0.9)
flags.DEFINE_float("token_dropout", 0, "Part of the training pieces that random ones replace.", 0, 1)
flags.DEFINE_float("entity_dropout", None, "The same within entities. Default: as --token_dropout.", 0, 1)
flags.DEFINE_integer("max_length", 128, "Token ids of a text at most; longer texts are cut.", lower_bound=3)
flags.DEFINE_integer("patience", 0, "Stop after so many epochs without a better metric, keep the best. 0: never.")
flags.DEFINE_enum("dtype", "float32", ["float32", "mixed_bfloat16"], "Keras's policy in training.")
flags.DEFINE_integer("seed", 0, "Seed of initialization, shuffling and dropout.")
flags.DEFINE_integer("seeds", 1, "Runs, of this seed and those after it, into OUTPUT/seed_N; then their mean.", 1)
flags.DEFINE_string("json", None, "File for the metrics.")


def main():
    if FLAGS.entity_dropout is not None and FLAGS.task not in ("token_classification", "intent_slots"):
        raise InputError(f"--entity_dropout: {FLAGS.task} has no entities; its texts take --token_dropout.")
    quiet.start_tensorflow()
    import keras

    from keras_bert_suite.tasks import card, saved, task_class
    from keras_bert_suite.tasks.task import from_settings
    from keras_bert_suite.training import callbacks, recipes

    keras.config.set_dtype_policy(FLAGS.dtype)
    recipe = recipes.choose(FLAGS.recipe, FLAGS.epochs, FLAGS.batch_size, FLAGS.learning_rate, FLAGS.warmup)
    keras.utils.set_random_seed(FLAGS.seed)
    kind = task_class(FLAGS.task)
    train, judged = kind.read(FLAGS.train, FLAGS.columns), kind.read(FLAGS.eval, FLAGS.columns)
    task = from_settings(kind, train, FLAGS.set)
    task.check(train, FLAGS.train)
    task.check(judged, FLAGS.eval)
    if FLAGS.seeds > 1:
        return seeds.run(sys.modules[__name__], FLAGS.output, FLAGS.seed, FLAGS.seeds, task.baseline(judged))
    trained = saved.begin(task, FLAGS.encoder, FLAGS.max_length, FLAGS.dropout, FLAGS.lowercase)
    recipes.prepare(recipe, trained.encoder)
    inputs = saved.inputs_of(task, judged)
    trained.examples = inputs[: saved.EXAMPLES]

    output = Path(FLAGS.output)
    judge = callbacks.Judge(lambda: task.evaluate(judged, trained.predict(inputs)), FLAGS.patience)
    settings = command_line.settings(sys.modules[__name__], but=("output", "json", "seeds"))
    resume = callbacks.Resume(output.with_name(f".{output.name}.training"), settings, judge)
    dropout = (FLAGS.token_dropout, FLAGS.token_dropout if FLAGS.entity_dropout is None else FLAGS.entity_dropout)
    batches, steps = trained.training_data(train, recipe.batch_size, FLAGS.seed, recipe.epochs, *dropout)
    model, losses = recipes.with_losses(recipe, task.training_model(trained.model), task.losses())
    model.compile(recipes.optimizer(recipe, steps * recipe.epochs, trained.encoder), losses, task.loss_weights)
    if done := resume.restore(model):
        print(f"Goes on after epoch {done} of {recipe.epochs}.")
    model.fit(
        batches(initial_epoch=done),
        epochs=recipe.epochs,
        initial_epoch=done,
        steps_per_epoch=steps,
        callbacks=[judge, resume],
        shuffle=False,
        verbose=1 if sys.stdout.isatty() else 2,
    )
    trained.figures = judge.best()
    saved.save(saved.merged(trained), output, card.text(settings, trained.figures, len(train), len(judged)))
    resume.clear()
    command_line.write_json(FLAGS.json, trained.figures)
    print(f"{output}: " + ", ".join(f"{name} {x:.4f}" for name, x in trained.figures.items() if name != "epoch"))


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
