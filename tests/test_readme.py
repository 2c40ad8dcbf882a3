"""The README's Python runs, and its table of presets is what the code says."""

import re
from pathlib import Path

from keras_bert_suite.encoders import presets
from tests.encoders.test_encoders import count

README = Path(__file__).parents[1] / "README.md"
MARK = "<!-- presets: made by tests/test_readme.py -->\n"


def table():
    rows = ["| preset | family | parameters | from |", "|---|---|---|---|"]
    for name, preset in presets().items():
        source = f"`{preset['source']}`" if preset["source"] else "(a shape alone)"
        rows.append(f"| `{name}` | {preset['family']} | {count(name):,} | {source} |")
    return "\n".join(rows) + "\n"


def test_snippets_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    snippets = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(snippets) >= 5
    names = {}
    for snippet in snippets:
        exec(compile(snippet, "README.md", "exec"), names)


def test_presets_table():
    # To renew it: python -m tests.test_readme
    assert MARK + table() in README.read_text()


if __name__ == "__main__":
    text = README.read_text()
    README.write_text(re.sub(re.escape(MARK) + r"(\|.*\n)*", lambda _: MARK + table(), text))
