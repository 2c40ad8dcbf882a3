"""A context variable that has a value within a `with` block."""

import contextlib


@contextlib.contextmanager
def setting(variable, value):
    """Sets a `contextvars.ContextVar` within the block, and gives it back what it had."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
