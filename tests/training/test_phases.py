"""Phases of a training: how they are written, the stages that they are, their learning rates."""

import numpy as np
import pytest

from keras_bert_suite.errors import InputError
from keras_bert_suite.training import phases, schedules

DEFAULTS = {
    "max_length": 128,
    "batch_size": 32,
    "accumulation": 1,
    "data": None,
    "schedule": "linear",
    "warmup_steps": 0,
}


def parsed(*texts):
    return [{**DEFAULTS, **phases.parse(text)} for text in texts]


def test_two_phases_are_two_stages():
    # Devlin et al. 2019, appendix A.2.
    made = phases.stages(parsed("steps=900000,batch_size=256", "steps=100000,max_length=512,batch_size=256"))
    assert made == [
        phases.Stage(0, 900_000, 128, 256, 1, None, 0),
        phases.Stage(900_000, 100_000, 512, 256, 1, None, 0),
    ]


def test_a_batch_grows_by_parts_and_reads_each_row_once():
    # ModernBERT's sizes, by parts of 768 rows.
    made = phases.stages(parsed("steps=50,batch_size=768..4608,accumulation=6", "steps=9,batch_size=4608"), replicas=2)
    assert [stage.batch_size for stage in made] == [768, 1536, 2304, 3072, 3840, 4608]
    assert [stage.accumulation for stage in made] == [1, 2, 3, 4, 5, 1]
    assert [stage.steps for stage in made] == [10, 10, 10, 10, 10, 9]
    read = np.cumsum([0, *(stage.steps * stage.batch_size for stage in made)])
    assert [stage.read for stage in made] == read[:-1].tolist()
    assert [stage.start for stage in made] == [0, 10, 20, 30, 40, 50] and made[-1].end == 59


def test_a_batch_grows_after_whole_executions():
    made = phases.stages(parsed("steps=48,batch_size=8..32,accumulation=4"), multiple=16)
    assert [(stage.steps, stage.batch_size) for stage in made] == [(16, 8), (16, 16), (16, 24)]


def test_other_rows_are_counted_by_themselves():
    made = phases.stages(parsed("steps=3,batch_size=4,data=a", "steps=2,batch_size=8,data=b", "steps=1,data=a"))
    assert [stage.read for stage in made] == [0, 0, 12]


def test_a_schedule_lasts_until_the_next():
    given = parsed("steps=6,learning_rate=1.0", "steps=4", "steps=5,learning_rate=0.5,warmup_steps=2,schedule=cosine")
    rates = phases.learning_rate(given)
    first, second = schedules.schedule("linear", 1.0, 10), schedules.schedule("cosine", 0.5, 5, 2)
    steps = np.arange(15)
    expected = np.concatenate([np.asarray(first(steps[:10])), np.asarray(second(steps[:5]))])
    np.testing.assert_allclose(np.asarray(rates(steps)), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps=4,length=3", "'length=3' is not of steps, max_length"),
        ("steps=4,batch", "'batch' is not of steps"),
        ("steps=four", "'steps=four' is not a number"),
        ("max_length=16", "expected steps of 1 or more"),
        ("steps=4,accumulation=0", "accumulation of 1 or more"),
        ("steps=4,batch_size=x", "expected a number, or two as in 64..512"),
        ("steps=4,batch_size=10,accumulation=4", "a multiple of 2 replicas times accumulation=4"),
        ("steps=4,batch_size=8..32,accumulation=2", "begin with a multiple of its parts, 16 rows each"),
        ("steps=4,batch_size=64..32", "and to grow"),
    ],
)
def test_bad_input_is_named(text, message):
    with pytest.raises(InputError, match=message):
        phases.stages(parsed(text), replicas=2)
