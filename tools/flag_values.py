"""Values of flags that are checked before anything is loaded."""

from absl import flags

from keras_bert_suite.errors import InputError


def needs(flag, *others):
    """Raises InputError where one of the others is not given with a flag."""
    if absent := [f"--{name}" for name in others if not flags.FLAGS[name].value]:
        raise InputError(f"--{flag} needs {' and '.join(absent)}.")


def numbers(flag, kind):
    """The value of a flag that is a list, as a tuple of numbers of a kind."""
    words = flags.FLAGS[flag].value
    try:
        return tuple(kind(word) for word in words)
    except ValueError:
        raise InputError(f"--{flag}={','.join(words)}; expected numbers.") from None
