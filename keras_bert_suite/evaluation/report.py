"""Results as a table in the terminal and as one HTML page without outside parts."""

import html

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b2733 }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .3rem .8rem; border-bottom: 1px solid #d5dde5 }
td { text-align: right; font-variant-numeric: tabular-nums } th:first-child, td:first-child { text-align: left }
.bar { background: #d5dde5; width: 12rem; height: .8rem; border-radius: .2rem }
.bar div { background: #2f6f9f; height: 100% }
.confusion td { text-align: center } svg { max-width: 24rem }
svg text { font: 11px system-ui, sans-serif; fill: #1b2733 }
mark { background: #ffe6a3; padding: 0 .2rem; border-radius: .2rem } mark small { color: #6b5310; margin-left: .3rem }
"""


def text_table(header, rows):
    """Rows of strings as lines with aligned columns; the first column to the left, the others to the right."""
    rows = [header, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def html_table(header, rows):
    """Rows of strings as an HTML table."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def bars(values):
    """A dict of numbers from 0 to 1 as labelled bars."""
    rows = "".join(
        f'<tr><td>{html.escape(name)}</td><td><div class="bar"><div style="width:{value:.1%}"></div></div></td>'
        f"<td>{value:.1%}</td></tr>"
        for name, value in values.items()
    )
    return f"<table>{rows}</table>"


def highlighted(text, entities):
    """A text with its entities marked."""
    parts, end = [], 0
    for entity in entities:
        parts.append(html.escape(text[end : entity["start"]]))
        inside = html.escape(text[entity["start"] : entity["end"]])
        parts.append(f"<mark>{inside}<small>{html.escape(entity['label'])}</small></mark>")
        end = entity["end"]
    return "".join(parts) + html.escape(text[end:])


def confusion_matrix(gold, predicted, labels):
    """How often each label was taken for each, as an HTML table: gold labels down, a darker cell for a larger part.

    Args:
        gold: the labels of the data.
        predicted: the labels of the answers.
        labels: the labels in order.
    """
    from sklearn.metrics import confusion_matrix as count

    counts = count(gold, predicted, labels=labels)
    head = "".join(f"<th>{html.escape(str(label))}</th>" for label in labels)
    rows = []
    for label, row in zip(labels, counts, strict=True):
        parts = row / max(1, row.sum())
        cells = "".join(
            f'<td style="background:rgba(47,111,159,{part:.2f})'
            + (";color:#fff" if part > 0.5 else "")
            + f'">{number}</td>'
            for part, number in zip(parts, row, strict=True)
        )
        rows.append(f"<tr><th>{html.escape(str(label))}</th>{cells}</tr>")
    return f'<table class="confusion"><tr><th>gold \\ answer</th>{head}</tr>{"".join(rows)}</table>'


def per_class(gold, predicted, labels):
    """Precision, recall, F1 and number of each label, as an HTML table; arguments as `confusion_matrix`'s."""
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(gold, predicted, labels=labels, zero_division=0.0)
    rows = [
        [str(label), f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}", str(count)]
        for label, precision, recall, f1, count in zip(labels, *columns, strict=True)
    ]
    return html_table(["label", "precision", "recall", "F1", "number"], rows)


def reliability_diagram(rows):
    """Accuracy against confidence as an inline SVG drawing: bars on the diagonal are well calibrated.

    Args:
        rows: what `metrics.reliability` gives.
    """
    size = 240
    drawn = "".join(
        f'<rect x="{size * row["low"]:.1f}" y="{size * (1 - row["accuracy"]):.1f}" '
        f'width="{size * (row["high"] - row["low"]) - 1:.1f}" height="{size * row["accuracy"]:.1f}" fill="#2f6f9f">'
        f"<title>{row['count']} answers, confidence {row['confidence']:.3f}, "
        f"accuracy {row['accuracy']:.3f}</title></rect>"
        for row in rows
    )
    return (
        f'<svg viewBox="-40 -10 {size + 60} {size + 50}" role="img" aria-label="accuracy against confidence">'
        f'<rect width="{size}" height="{size}" fill="#f3f6f8"/>{drawn}'
        f'<line x1="0" y1="{size}" x2="{size}" y2="0" stroke="#b3541e" stroke-dasharray="4"/>'
        f'<text x="0" y="{size + 16}">0</text><text x="{size - 6}" y="{size + 16}">1</text>'
        f'<text x="{size / 2 - 30}" y="{size + 32}">confidence</text>'
        f'<text x="-14" y="{size}">0</text><text x="-14" y="10">1</text>'
        f'<text transform="translate(-22 {size / 2 + 24}) rotate(-90)">accuracy</text></svg>'
    )


def scatter(points, x, y):
    """Points of a plane with their names, as an inline SVG drawing.

    Args:
        points: tuples of a name, x, y, and whether it is one of those that the report is about.
        x: what the first axis is of.
        y: what the second is of.
    """
    width, height = 420, 240
    (left, right), (low, high) = (_range([point[i] for point in points]) for i in (1, 2))
    drawn, taken = "", []
    for name, across, up, own in sorted(points, key=lambda point: -point[2]):
        cx, cy = width * (across - left) / (right - left), height * (high - up) / (high - low)
        # A name goes below those that are already written where it would cover one.
        line = max([cy + 4, *(other + 12 for other in taken if cy + 4 - other < 12)])
        taken.append(line)
        drawn += (
            f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="4" fill="{"#2f6f9f" if own else "#b3541e"}">'
            f"<title>{html.escape(name)}: {across:.3g} {html.escape(x)}, {up:.4f} {html.escape(y)}</title></circle>"
            f'<text x="{cx + 7:.1f}" y="{line:.1f}">{html.escape(name)}</text>'
        )
    return (
        f'<svg viewBox="-60 -20 {width + 260} {height + 70}" style="max-width:44rem" role="img" '
        f'aria-label="{html.escape(y)} against {html.escape(x)}">'
        f'<rect width="{width}" height="{height}" fill="#f3f6f8"/>{drawn}'
        f'<text x="0" y="{height + 16}">{left:.3g}</text>'
        f'<text x="{width}" y="{height + 16}" text-anchor="end">{right:.3g}</text>'
        f'<text x="{width / 2}" y="{height + 32}" text-anchor="middle">{html.escape(x)}</text>'
        f'<text x="-6" y="{height}" text-anchor="end">{low:.3f}</text>'
        f'<text x="-6" y="10" text-anchor="end">{high:.3f}</text>'
        f'<text transform="translate(-44 {height / 2}) rotate(-90)" text-anchor="middle">{html.escape(y)}</text></svg>'
    )


def _range(values):
    """Ends of an axis, with a margin; of equal values too."""
    margin = 0.1 * (max(values) - min(values)) or 0.05 * abs(values[0]) or 1.0
    return min(values) - margin, max(values) + margin


def worst(examples, answers, number=20):
    """The wrong answers that were most confident, as an HTML table.

    Args:
        examples: a list of dicts with `text`, `label` and where there is one `pair`.
        answers: a list of dicts with `label` and `score`.
        number: rows at most.
    """
    wrong = [(e, a) for e, a in zip(examples, answers, strict=True) if str(e["label"]) != a["label"]]
    wrong.sort(key=lambda pair: -pair[1]["score"])
    rows = [
        [" | ".join(filter(None, (e["text"], e.get("pair"))))[:300], str(e["label"]), a["label"], f"{a['score']:.3f}"]
        for e, a in wrong[:number]
    ]
    return html_table(["text", "gold", "answer", "score"], rows) if rows else "<p>No answer was wrong.</p>"


def classification(examples, answers, labels):
    """The sections on a classifier of one label, for `page`: calibration, matrix, classes, worst examples."""
    from keras_bert_suite.evaluation import metrics

    gold, found = [str(example["label"]) for example in examples], [answer["label"] for answer in answers]
    right = [g == f for g, f in zip(gold, found, strict=True)]
    confidence = [answer["score"] for answer in answers]
    rows = metrics.reliability(confidence, right)
    error = metrics.expected_calibration_error(confidence, right)
    return [
        ("Labels taken for each other", confusion_matrix(gold, found, labels)),
        ("Labels", per_class(gold, found, labels)),
        ("Calibration", reliability_diagram(rows) + f"<p>Expected calibration error {error:.3f}</p>"),
        ("Wrong and most confident", worst(examples, answers)),
    ]


def page(title, sections):
    """An HTML page.

    Args:
        title: of the page.
        sections: pairs of a heading and HTML.
    """
    body = "".join(f"<h2>{html.escape(heading)}</h2>{content}" for heading, content in sections)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{html.escape(title)}</h1>{body}</html>\n"
    )
