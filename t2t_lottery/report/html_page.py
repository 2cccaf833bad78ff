"""One HTML file with everything in it: opens from disk, asks nothing of a network."""

from __future__ import annotations

import base64
import hashlib
import html
import os
import re
from collections.abc import Mapping, Sequence

from t2t_lottery.report import examples, table_formats
from t2t_lottery.report.paper_tables import Table, percent
from t2t_lottery.report.plots import Plot
from t2t_lottery.report.study import Study

_HERE = os.path.dirname(__file__)
_LANGUAGES = re.compile(r"translate_([a-z]{2})([a-z]{2})_")


def make(
  study: Study,
  tables: Mapping[str, Table],
  plots: Sequence[tuple[Plot, bytes]],
  text: examples.Text,
  unfinished: Sequence[str],
) -> str:
  """The page.

  Args:
    study: its runs.
    tables: heading -> table.
    plots: each with its SVG.
    text: the test set, for the examples.
    unfinished: what is missing, a line each.
  """
  sections = {
    heading: table_formats.to_html(table, f"table-{i}") for i, (heading, table) in enumerate(tables.items(), 1)
  }
  sections["Plots"] = (
    "\n".join(_plot(number, *one) for number, one in enumerate(plots)) or "<p>No run is evaluated.</p>"
  )
  sections["Translations"] = _translations(study, text)
  sections["Missing or not finished"] = _list(
    unfinished, "None: every run of every seed is evaluated, all files are there."
  )
  sections["Signatures and versions"] = _signatures(study)
  names = {heading: re.sub(r"[^a-z]+", "-", heading.lower()) for heading in sections}
  title = html.escape(f"{study.problem}, {study.size}")
  links = "".join(f'<li><a href="#{names[heading]}">{heading}</a></li>' for heading in sections)
  body = "\n".join(
    f'<section aria-labelledby="{names[heading]}"><h2 id="{names[heading]}">{heading}</h2>\n{content}</section>'
    for heading, content in sections.items()
  )
  evaluated = sum(run.result is not None for runs in study.runs.values() for run in runs)
  seeds = html.escape(", ".join(map(str, study.seeds)))
  # Nothing that a name or a translation could smuggle in is run: only these two, which the page carries itself, are.
  style = "\n" + _file("page.css") + "".join(_plot_size(number, plot) for number, (plot, _) in enumerate(plots))
  script = "\n" + _file("page.js")
  return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'">
<title>{title}: lottery tickets</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>Lottery tickets: {title}</h1>
<p>{evaluated} evaluated runs, seed{"s" if len(study.seeds) > 1 else ""} {seeds}. A table's column sorts by a click on its head.</p>
<nav aria-label="Contents"><ul>{links}</ul></nav>
</header>
<main>
{body}
</main>
<script>{script}</script>
</body>
</html>
"""


def _file(name: str) -> str:
  with open(os.path.join(_HERE, name), encoding="utf-8") as file:
    return file.read()


def _hash(text: str) -> str:
  """What names an inline script or style in a Content-Security-Policy."""
  return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _plot_size(number: int, plot: Plot) -> str:
  # Scaled down to the window, but not so far that its letters cannot be read: then it scrolls.
  width = plot.figure.get_figwidth()
  return f"#plot-{number} {{ width: {width * 110:.0f}px; min-width: {width * 72:.0f}px; }}\n"


def _plot(number: int, plot: Plot, svg: bytes) -> str:
  # As an image of its own: names inside one SVG must not meet those of another.
  data = base64.b64encode(svg).decode("ascii")
  image = f'<img id="plot-{number}" src="data:image/svg+xml;base64,{data}" alt="{html.escape(plot.alternative)}">'
  name = html.escape(plot.name.replace("_", " "))
  return (
    f'<figure><div class="wide" role="region" tabindex="0" aria-label="Plot: {name}">{image}</div>'
    f"<figcaption>{html.escape(plot.caption)}</figcaption></figure>"
  )


def _list(lines: Sequence[str], nothing: str) -> str:
  if not lines:
    return f"<p>{nothing}</p>"
  return "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>"


def _translations(study: Study, text: examples.Text) -> str:
  language = _LANGUAGES.match(study.problem)
  source, target = (f' lang="{code}"' for code in language.groups()) if language else ("", "")
  lines = [
    "<p>Of each run its best, median and worst translations of test by chrF of the sentence, of the lowest seed.</p>"
  ]
  if text.why:
    lines.append(f"<p>Without source and reference: {html.escape(text.why)}.</p>")
  for name, runs in study.runs.items():
    run = next((run for run in runs if run.result is not None), None)
    found = examples.of_run(run, text) if run else {}
    if run is None or not found:
      continue
    lines.append(
      f"<details><summary>{html.escape(name)} <small>{percent(run.about['sparsity_asked'])}, seed {run.seed}</small></summary>"
    )
    for kind, ones in found.items():
      lines += [f"<h3>{kind.capitalize()}</h3>"] if ones else []
      for one in ones:
        given = [("source", one.source, source), ("reference", one.reference, target)]
        rows = [*((term, line, code) for term, line, code in given if line is not None)]
        rows.append(("translation", one.translation, target))
        lines.append(
          f"<p class='which'>Sentence {one.number}, chrF {one.score:.1f}</p><dl>"
          + "".join(f"<dt>{term}</dt><dd{code}>{html.escape(line) or '(empty)'}</dd>" for term, line, code in rows)
          + "</dl>"
        )
    lines.append("</details>")
  return "\n".join(lines)


def _signatures(study: Study) -> str:
  """Each signature and version once, with the runs that have it where not all do."""
  found: dict[tuple[str, str], list[str]] = {}
  evaluated = [(name, run) for name, runs in study.runs.items() for run in runs if run.result is not None]
  for name, run in evaluated:
    for kind in ("signatures", "versions"):
      for what, value in ((run.result or {}).get(kind) or {}).items():
        found.setdefault((str(what), str(value)), []).append(f"{name} (seed {run.seed})")
    for what, why in ((run.result or {}).get("left_out") or {}).items():
      found.setdefault((str(what), f"left out: {why}"), []).append(f"{name} (seed {run.seed})")
  if not found:
    return "<p>None.</p>"
  rows = []
  for (what, value), names in sorted(found.items(), key=lambda item: item[0][0]):
    where = "all" if len(names) == len(evaluated) else html.escape(", ".join(names))
    rows.append(
      f"<tr><th scope='row'>{html.escape(what)}</th><td class='code'>{html.escape(value)}</td><td>{where}</td></tr>"
    )
  heads = "".join(f'<th scope="col">{head}</th>' for head in ("of", "signature or version", "runs"))
  return (
    '<div class="wide" role="region" tabindex="0" aria-label="Signatures"><table class="plain"><caption>How the numbers came'
    f" about.</caption><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
  )
