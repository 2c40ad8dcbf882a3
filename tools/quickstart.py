r"""The whole way, offline, in under five minutes: fine-tune, export as int8, run as a phone would, compare.

  {tool}
  {tool} --output=quickstart

Fine-tunes the bundled encoder kbs_tiny_en on the bundled assistant commands, once for the intent and once for the
slots, and prints float against int8 on commands whose wording and values training has not seen; writes report.html.
"""

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

from absl import flags

from keras_bert_suite.tools import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "quickstart", "The folder to write.")

SENTENCES = (
    "wake me at quarter past seven on saturday",
    "what's the weather going to be like in lisbon tomorrow",
    "Could you tell Marta that the train is late?",
)
PARTS = {
    "intent": ("classification", "accuracy", ["--epochs=6", "--learning_rate=1e-3"]),
    # Training has few names of each kind; with random pieces in their place the tagger learns to read around them.
    "slots": (
        "token_classification",
        "entity_f1",
        ["--epochs=12", "--learning_rate=2e-3", "--token_dropout=0.1", "--entity_dropout=0.3"],
    ),
}


def main():
    from keras_bert_suite.checkpoints import writing
    from keras_bert_suite.edge import pipeline
    from keras_bert_suite.evaluation import report

    output = Path(FLAGS.output)
    data = resources.files("keras_bert_suite.data.assistant_commands")
    train, test = str(data / "train.jsonl"), str(data / "test.jsonl")
    header = ["", "metric", "float32", "int8", "float32 MB", "int8 MB", "ms a text"]
    rows, sections, models = [], [], {}
    for name, (task, metric, recipe) in PARTS.items():
        folder, device, json_file = output / name, output / f"{name}.tflite", output / f"{name}.json"
        tool("finetune", f"--task={task}", "--encoder=kbs_tiny_en", f"--train={train}", f"--eval={test}",
             f"--output={folder}", "--max_length=48", f"--json={json_file}", *recipe)  # fmt: skip
        tool("export", f"--model={folder}", f"--output={device}", f"--json={json_file}.export")
        tool("evaluate", f"--model={device}", f"--data={test}", f"--json={json_file}.int8")
        before, after = (json.loads(Path(f"{json_file}{part}").read_text())[metric] for part in ("", ".int8"))
        exported = json.loads(Path(f"{json_file}.export").read_text())
        megabytes = (folder / "model.weights.h5").stat().st_size / 1e6
        latency = next(iter(exported["milliseconds"].values()))
        rows.append([name, metric, f"{before:.4f}", f"{after:.4f}", f"{megabytes:.2f}", f"{exported['megabytes']:.2f}",
                     f"{latency:.2f}"])  # fmt: skip
        models[name] = pipeline.load(device)
    answers = [(text, models["intent"](text), models["slots"](text)["entities"]) for text in SENTENCES]
    sections.append(("Float32 and int8, on commands that training has not seen", report.html_table(header, rows)))
    for text, intent, entities in answers:
        best = dict(sorted(intent["scores"].items(), key=lambda item: -item[1])[:3])
        sections.append((intent["label"], f"<p>{report.highlighted(text, entities)}</p>{report.bars(best)}"))
    with writing.new_file(output / "report.html") as temporary:
        Path(temporary).write_text(report.page("keras_bert_suite quickstart", sections), encoding="utf-8")

    print("\n" + report.text_table(header, rows) + "\n")
    for text, intent, entities in answers:
        slots = ", ".join(f"{entity['label']}={entity['text']!r}" for entity in entities)
        print(f"{text}\n    {intent['label']} ({intent['score']:.2f})  {slots}")
    print(f"\nThe models and report.html are in {output}/.")


def tool(name, *arguments):
    """Runs another tool in a process of its own, as a user would."""
    command = [sys.executable, "-m", f"keras_bert_suite.tools.{name}", *arguments]
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"kbs-quickstart: kbs-{name} failed.")


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
