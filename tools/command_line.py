"""How every tool starts and ends: quiet libraries, help that a newcomer reads, one line for bad input."""

import json
import os
import sys

# Silences what TensorFlow logs while it runs; `quiet.start_tensorflow` does what it logs before it reads this.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags

from keras_bert_suite import quiet
from keras_bert_suite.errors import InputError


def run(main, module, commands=()):
    """Runs a tool's main.

    Args:
        main: a function called after the flags are parsed: of no arguments, or where there are commands of the one
            that was given.
        module: the tool's module; its docstring and its flags are what `--help` prints.
        commands: what the tool can do, of which one stands before the flags.
    """
    spec = module.__spec__
    name = "kbs-" + (spec.name if spec else module.__name__).rpartition(".")[2]
    arguments = sys.argv[1:]
    if any(argument in ("--help", "-h", "-help", "--helpshort") for argument in arguments):
        print(module.__doc__.strip().format(tool=name) + "\n\nFlags:\n" + flags.FLAGS.module_help(module))
        sys.exit(0)

    def parse(argv):
        try:
            rest = flags.FLAGS(argv)
        except flags.Error as error:
            _fail(name, f"{' '.join(str(error).split())} See {name} --help.")
        if commands and not (rest[1:] and rest[1] in commands):
            _fail(name, f"expected a command, {' or '.join(commands)}, before the flags. See {name} --help.")
        known = 2 if commands else 1
        if len(rest) > known:
            _fail(name, f"unexpected argument {rest[known]!r}; flags are written --name=value. See {name} --help.")
        return rest

    def guarded(rest):
        try:
            main(*rest[1:])
        except InputError as error:
            _fail(name, str(error))
        except OSError as error:
            _fail(name, f"{error.filename or 'a file'}: {error.strerror or error}")
        except KeyboardInterrupt:
            _fail(name, "stopped.")

    app.run(guarded, argv=[name, *arguments], flags_parser=parse)


def _fail(name, message):
    print(f"{name}: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)


def settings(module, but):
    """The values of a tool's flags, a dict by name, but those named: what makes the same result again."""
    return {flag.name: flag.value for flag in flags.FLAGS.get_flags_for_module(module) if flag.name not in but}


def progress(items):
    """A progress bar over a list, on standard error where that is a terminal."""
    from tqdm import tqdm

    return tqdm(items, disable=None, leave=False)


def open_model(path, threads=None, workers=1):
    """What answers: a folder of `kbs-finetune`; or a `.tflite` file, `workers` texts at a time, each by `threads`."""
    if str(path).endswith(".tflite"):
        from keras_bert_suite.edge import pipeline

        return pipeline.load(path, threads, workers)
    quiet.start_tensorflow()
    from keras_bert_suite.tasks import saved

    return saved.load(path)


def write_json(path, value):
    """Writes a JSON file, whole or not at all; does nothing without a path."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_text(path, text):
    """Writes a text file, whole or not at all; does nothing without a path."""
    from keras_bert_suite.checkpoints import writing

    if path:
        with writing.new_file(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
