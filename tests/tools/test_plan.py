"""kbs-plan says what docs/scaling.md says; bad input in one line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from keras_bert_suite import scaling
from tests.tools.test_tools import complaint, tool

DOCUMENT = Path(__file__).parents[2] / "docs/scaling.md"
BLOCK = re.compile(r"    kbs-plan (.*)\n\n```\n([^`]*)```")
# All commands in one process: what takes time is that it starts.
RUN = """
import contextlib, io, json, sys
from absl import flags
from absl.testing import flagsaver
from keras_bert_suite import InputError
from keras_bert_suite.tools import plan
printed = []
for words in json.load(sys.stdin):
    with flagsaver.flagsaver(), contextlib.redirect_stdout(io.StringIO()) as text:
        flags.FLAGS(["kbs-plan", *words])
        try:
            plan.main()
        except InputError as error:
            print(error)
    printed.append(text.getvalue())
print(json.dumps(printed))
"""


def printed(commands):
    words = json.dumps([command.split() for command in commands])
    done = subprocess.run([sys.executable, "-c", RUN], input=words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_document_says_what_the_tool_says(tmp_path):
    # To renew it: python -m tests.tools.test_plan
    text = DOCUMENT.read_text()
    blocks = BLOCK.findall(text)
    assert len(blocks) >= 9
    own = "--encoder=Bert --set=dim=128 --set=num_layers=2 --set=num_heads=2 --set=feed_forward_dim=512"
    more = f"--machines=2xv100 --price=1 --steps=3600000 --json={tmp_path}/plan.json"
    *outputs, _, refused = printed([*(command for command, _ in blocks), f"{own} {more}", "--encoder=Bart --steps=1"])
    assert [output for _, output in blocks] == outputs
    assert "expected a preset's name or one of Albert" in refused
    check_an_encoder_of_its_own_sizes(json.loads((tmp_path / "plan.json").read_text())["2xv100"])
    first = next(line.split() for line in blocks[0][1].splitlines() if line.startswith("1xh200"))
    assert f"The first command: {first[-2]} hours on one H200, {first[-1]} dollars. The last: .374" in " ".join(
        (DOCUMENT.parents[1] / "tools/plan.py").read_text().split()
    )
    assert "485.59 rows a second are 0.374 of the peak" in text
    for name, device in scaling.DEVICES.items():
        numbers = f"{device.peak / 1e12:,.0f} | {device.memory / 1e9:.4g} | {device.link / 1e9:,.0f}"
        assert f"| `{name}` | {numbers} | {device.price:.2f} |\n" in text


def test_both_phases_together():
    found = {}
    for command, output in BLOCK.findall(DOCUMENT.read_text()):
        for line in output.splitlines():
            if line.startswith(("1xh200 ", "8xh200 ", "256xtpu_v5e ")):
                family, (machine, *_, hours, dollars) = re.search(r"bert_\w+?_", command)[0], line.split()
                hours_and_dollars = found.setdefault((family, machine), [0.0, 0.0])
                hours_and_dollars[0] += float(hours)
                hours_and_dollars[1] += float(dollars)
    text = " ".join(DOCUMENT.read_text().split())
    (base, base_dollars), (large, large_dollars) = found["bert_base_", "1xh200"], found["bert_large_", "1xh200"]
    assert f"BERT-base {base:.1f} hours and {base_dollars:.0f} dollars on one H200" in text
    assert f"BERT-large {large:.1f} hours and {large_dollars:.0f} dollars" in text
    base_pod, large_pod = found["bert_base_", "256xtpu_v5e"], found["bert_large_", "256xtpu_v5e"]
    assert f"{found['bert_base_', '8xh200'][0]:.1f} hours on eight, half an hour and {base_pod[1]:.0f} dollars" in text
    assert (
        f"{found['bert_large_', '8xh200'][0]:.1f} hours, and {large_pod[0]:.1f} hours and {large_pod[1]:.0f}" in text
    )
    assert base_pod[0] == pytest.approx(0.5, abs=0.02)


def check_an_encoder_of_its_own_sizes(found):
    # BERT-tiny's encoder, and the head.
    assert found["parameters"] == 4_385_920 + 128 * 128 + 3 * 128 + 30522
    assert found["dollars"] == pytest.approx(2 * found["hours"])
    assert found["hours"] == pytest.approx(1000 * found["step"])


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--encoder=Bert", "--steps=1", "--machines=8h200"], "machine '8h200'; expected as 8xh200"),
        (["--encoder=Bert"], "--steps must have a value"),
    ],
)
def test_bad_input_is_one_line(flags, expected):
    assert expected in complaint(tool("plan", *flags, check=False))


def test_help():
    shown = tool("plan", "--help").stdout
    assert "kbs-plan --encoder=" in shown and "--rows_per_second" in shown


if __name__ == "__main__":
    blocks = BLOCK.findall(DOCUMENT.read_text())
    outputs = iter(printed([command for command, _ in blocks]))
    renewed = BLOCK.sub(lambda found: f"    kbs-plan {found[1]}\n\n```\n{next(outputs)}```", DOCUMENT.read_text())
    DOCUMENT.write_text(renewed)
