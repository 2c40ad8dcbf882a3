"""The error that means: the input is at fault, and this line says how."""


class InputError(ValueError):
    """Bad input from outside: a file, a flag, a folder. The tools print it as one line and exit with code 2."""
