"""Results as a table in the terminal and as one HTML page without outside parts."""

import html

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b2733 }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .3rem .8rem; border-bottom: 1px solid #d5dde5 }
td { text-align: right; font-variant-numeric: tabular-nums } th:first-child, td:first-child { text-align: left }
.bar { background: #d5dde5; width: 12rem; height: .8rem; border-radius: .2rem }
.bar div { background: #2f6f9f; height: 100% }
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
