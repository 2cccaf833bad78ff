"""A table in markdown, LaTeX and HTML."""

from __future__ import annotations

import html
import itertools

from t2t_lottery.report.paper_tables import Cell, Table
from t2t_lottery.utils import text_table

_LATEX = {
  "\\": r"\textbackslash{}",
  "{": r"\{",
  "}": r"\}",
  "~": r"\textasciitilde{}",
  "^": r"\textasciicircum{}",
  **{character: "\\" + character for character in "&%$#_"},
  "<": r"\textless{}",
  ">": r"\textgreater{}",
  "|": r"\textbar{}",
  '"': "''",
  "–": "--",
  "…": r"\dots{}",
  "†": r"$^{\dagger}$",
  "‡": r"$^{\ddagger}$",
  "≥": r"$\ge$",
  "≈": r"$^{\approx}$",
  "±": r"$^{\pm}$",
}


def markdown(table: Table) -> str:
  """The table in GitHub's markdown, between its caption and its notes."""
  rows = [[f"{over} {name}".strip() for over, name in table.heads]]
  rows += [[_markdown_cell(cell) for cell in row] for group in table.groups for row in group]
  wide = text_table.widths([*rows, ["--:"] * len(table.heads)])
  names = _names(table)
  rows.insert(1, [":" + "-" * (n - 1) if name else "-" * (n - 1) + ":" for n, name in zip(wide, names)])
  lines = [
    "| " + " | ".join(cell.ljust(n) if name else cell.rjust(n) for cell, n, name in zip(row, wide, names)) + " |"
    for row in rows
  ]
  notes = _markdown_text(" ".join(table.notes))
  return "\n".join([f"{_markdown_text(table.caption)}.", "", *lines, *(["", notes] if notes else [])]) + "\n"


def _names(table: Table) -> list[bool]:
  """Which columns contain names, not numbers."""
  return [any(isinstance(group[0][i].value, str) for group in table.groups) for i in range(len(table.heads))]


def _markdown_cell(cell: Cell) -> str:
  text = _markdown_text(cell.text)
  marks = "".join(map(_markdown_text, cell.marks))
  return (f"**{text}**" if cell.best else text) + marks


def _markdown_text(text: str) -> str:
  for character in "\\|*_<>`[]":
    text = text.replace(character, "\\" + character)
  return " ".join(text.splitlines())


def latex(table: Table, label: str) -> str:
  """A `table*` with booktabs, for `\\input` in a document.

  Args:
    table: the table.
    label: for `\\ref`.
  """
  spans = [(over, len(list(group))) for over, group in itertools.groupby(table.heads, key=lambda head: head[0])]
  above, rules, at = [], [], 1
  for over, span in spans:
    above.append(rf"\multicolumn{{{span}}}{{c}}{{{_latex_text(over)}}}" if over else "&" * (span - 1))
    rules += [rf"\cmidrule(lr){{{at}-{at + span - 1}}}"] if over else []
    at += span
  lines = [
    r"% Needs \usepackage{booktabs}.",
    r"\begin{table*}",
    r"\centering",
    r"\small",
    r"\setlength{\tabcolsep}{3pt}",
    r"\begin{tabular}{" + "".join("l" if name else "r" for name in _names(table)) + "}",
    r"\toprule",
    *([" & ".join(above) + r" \\", "".join(rules)] if rules else []),
    " & ".join(_latex_text(name) for _, name in table.heads) + r" \\",
    r"\midrule",
  ]
  for group in table.groups:
    lines += [" & ".join(map(_latex_cell, row)) + r" \\" for row in group]
  caption = " ".join([f"{table.caption}.", *table.notes])
  lines += [r"\bottomrule", r"\end{tabular}", rf"\caption{{{_latex_text(caption)}}}", rf"\label{{{label}}}"]
  return "\n".join([*lines, r"\end{table*}"]) + "\n"


def _latex_cell(cell: Cell) -> str:
  text = _latex_text(cell.text)
  marks = "".join(_latex_text(mark) if mark in _LATEX else rf"$^{{{mark}}}$" for mark in cell.marks)
  return (rf"\textbf{{{text}}}" if cell.best else text) + marks


def _latex_text(text: str) -> str:
  return "".join(_LATEX.get(character, character) for character in text)


def to_html(table: Table, name: str) -> str:
  """A table that is sorted by a click on a column heading, in a box that scrolls horizontally.

  Args:
    table: the table.
    name: its id.
  """
  spans = [(over, list(group)) for over, group in itertools.groupby(table.heads, key=lambda head: head[0])]
  above: list[str] = []
  below: list[str] = []
  at, names = 0, _names(table)
  two = any(over for over, _ in spans)
  for over, heads in spans:
    if over:
      above.append(f'<th scope="colgroup" colspan="{len(heads)}">{html.escape(over)}</th>')
    for _, head in heads:
      label = f' aria-label="{html.escape(over)} {html.escape(head)}"' if over else ""
      rows = ' rowspan="2"' if two and not over else ""
      button = f'<button type="button" data-column="{at}"{label}>{html.escape(head)}</button>'
      kind = ' class="name"' if names[at] else ""
      (below if over else above).append(f'<th scope="col"{kind}{rows}>{button}</th>')
      at += 1
  second = f"<tr>{''.join(below)}</tr>" if two else ""
  lines = [
    f'<div class="wide" role="region" tabindex="0" aria-labelledby="{name}-caption"><table id="{name}">',
    f'<caption id="{name}-caption"><span>{html.escape(table.caption)}.</span></caption>',
    f"<thead><tr>{''.join(above)}</tr>{second}</thead>",
  ]
  for group in table.groups:
    rows_html = []
    for number, row in enumerate(group):
      first = f'<th scope="row" data-value="{_value(row[0])}">{html.escape(row[0].text)}</th>'
      kind = ' class="paper"' if number else ""
      rows_html.append(f"<tr{kind}>{first}{''.join(map(_html_cell, row[1:]))}</tr>")
    lines.append(f"<tbody>{''.join(rows_html)}</tbody>")
  lines.append("</table></div>")
  if table.notes:
    lines.append(f'<p class="notes">{html.escape(" ".join(table.notes))}</p>')
  return "\n".join(lines)


def _value(cell: Cell) -> str:
  return "" if cell.value is None else html.escape(str(cell.value))


def _html_cell(cell: Cell) -> str:
  text = html.escape(cell.text)
  marks = f"<sup>{html.escape(' '.join(cell.marks))}</sup>" if cell.marks else ""
  name = ' class="name"' if isinstance(cell.value, str) else ""
  content = f"<b>{text}</b>" if cell.best else text
  return f'<td{name} data-value="{_value(cell)}">{content}{marks}</td>'
