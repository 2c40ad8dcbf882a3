r"""Prints what is in a .tflite file: what it answers, its files, its operations and who runs them, sizes by layer.

{tool} --model=runs/sst2/model.tflite
"""

import sys

from absl import flags

from keras_bert_suite.tools import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "A file that kbs-export wrote.", required=True)
flags.DEFINE_string("json", None, "File for all of it as JSON.")


def main():
    from keras_bert_suite.edge import inspection
    from keras_bert_suite.evaluation import report

    found = inspection.inspect(FLAGS.model)
    command_line.write_json(FLAGS.json, found)
    about = dict(found["about"])
    print(f"{FLAGS.model}: {found['megabytes']:.2f} MB, {about['quantization']}")
    task = about.pop("task")
    print(f"task {task.pop('name')}: " + ", ".join(f"{name} {value}" for name, value in task.items()))
    if "stages" in about:
        print(f"early exit: {about['stages']} blocks, one at a time until the uncertainty is below the task's speed")
    print(f"reads {about['max_length']} pieces at most; tokenizer {about['tokenizer']}")
    for name in ("figures", "accuracy", "license"):
        if name in about:
            print(f"{name}: {about[name]}")
    reasons = {}
    for name, row in about.get("float_operations", {}).items():
        reasons.setdefault(row["reason"], []).append(f"{row['count']} {name}")
    for reason, names in reasons.items():
        print(f"float: {', '.join(names)}: {reason}")
    print("files: " + ", ".join(f"{name} ({size:,} bytes)" for name, size in found["files"].items()))
    for graph in found["graphs"]:
        shapes = ", ".join(f"{name} {shape}" for name, shape in graph["outputs"].items())
        print(f"\n{graph['signature']}: {', '.join(graph['inputs'])} (1, {graph['length'] or 'any'}) to {shapes}")
        print("  " + ", ".join(f"{count} {name}" for name, count in graph["operations"].items()))
        if graph["outside"] is not None:
            outside = ", ".join(f"{count} {name}" for name, count in graph["outside"].items()) or "none"
            print(f"  outside of XNNPACK: {outside}; the others in {graph['partitions']} part(s)")
    rows = [
        [layer["layer"] or "(constants)", f"{layer['bytes']:,}", ", ".join(layer["types"])]
        for layer in found["layers"]
    ]
    print("\n" + report.text_table(["layer", "bytes", "types"], rows))


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
