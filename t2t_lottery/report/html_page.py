"""One self-contained HTML file: it opens from disk and requests nothing from the network."""

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
from t2t_lottery.runs import run_spec

_HERE = os.path.dirname(__file__)
_LANGUAGES = re.compile(r"translate_([a-z]{2})([a-z]{2})_")


def make(
  study: Study,
  tables: Mapping[str, Table],
  plots: Sequence[tuple[Plot, bytes]],
  text: examples.Text,
  unfinished: Sequence[str],
) -> str:
  """Makes the page.

  Args:
    study: its runs.
    tables: heading -> table.
    plots: each with its SVG.
    text: the test set, for the examples.
    unfinished: a line for each thing that is missing.
  """
  sections = _sections(study, tables, plots, text, unfinished)
  ids = {heading: re.sub(r"[^a-z]+", "-", heading.lower()) for heading in sections}
  title = html.escape(study.title)
  style = "\n" + _file("page.css") + "".join(_plot_size(number, plot) for number, (plot, _) in enumerate(plots))
  script = "\n" + _file("page.js")
  return f"""<!DOCTYPE html>
<html lang="en">
{_head(title, style, script)}
<body>
{_header(study, title, ids)}
<main>
{_main(sections, ids)}
</main>
<script>{script}</script>
</body>
</html>
"""


def _sections(
  study: Study,
  tables: Mapping[str, Table],
  plots: Sequence[tuple[Plot, bytes]],
  text: examples.Text,
  unfinished: Sequence[str],
) -> dict[str, str]:
  """Heading -> content, in the page's order; the arguments are those of `make`."""
  sections = {
    heading: table_formats.to_html(table, f"table-{i}") for i, (heading, table) in enumerate(tables.items(), 1)
  }
  sections["Plots"] = (
    "\n".join(_plot(number, *one) for number, one in enumerate(plots)) or "<p>No run is evaluated.</p>"
  )
  if any(run.translates for runs in study.runs.values() for run in runs):
    sections["Translations"] = _translations(study, text)
  sections["Missing or not finished"] = _list(
    unfinished, "None: every run of every seed is evaluated, and all files are present."
  )
  sections["Signatures and versions"] = _signatures(study)
  return sections


def _head(title: str, style: str, script: str) -> str:
  """The `<head>`; its policy allows only the page's own style and script, so that nothing in a name or translation runs."""
  return f"""<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'">
<title>{title}: lottery tickets</title>
<style>{style}</style>
</head>"""


def _header(study: Study, title: str, ids: Mapping[str, str]) -> str:
  """The title, the number of runs, and links to the sections; `ids` maps headings to their ids."""
  evaluated = sum(run.result is not None for runs in study.runs.values() for run in runs)
  links = "".join(f'<li><a href="#{ids[heading]}">{heading}</a></li>' for heading in ids)
  return f"""<header>
<h1>Lottery tickets: {title}</h1>
<p>{evaluated} evaluated runs, {html.escape(run_spec.named_seeds(study.seeds))}. Click a table's column heading to sort by it.</p>
<nav aria-label="Contents"><ul>{links}</ul></nav>
</header>"""


def _main(sections: Mapping[str, str], ids: Mapping[str, str]) -> str:
  return "\n".join(
    f'<section aria-labelledby="{ids[heading]}"><h2 id="{ids[heading]}">{heading}</h2>\n{content}</section>'
    for heading, content in sections.items()
  )


def _file(name: str) -> str:
  with open(os.path.join(_HERE, name), encoding="utf-8") as file:
    return file.read()


def _hash(text: str) -> str:
  """The hash of an inline script or style for a Content-Security-Policy."""
  return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _plot_size(number: int, plot: Plot) -> str:
  # Scaled down to the window, but only while its text is legible; then it scrolls.
  width = plot.figure.get_figwidth()
  return f"#plot-{number} {{ width: {width * 110:.0f}px; min-width: {width * 72:.0f}px; }}\n"


def _plot(number: int, plot: Plot, svg: bytes) -> str:
  # As a separate image, so that ids in different SVGs do not clash.
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
    "<p>The best, median and worst test translations of each run by sentence chrF, from its lowest evaluated seed.</p>"
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
    for kind, sentences in found.items():
      lines += [f"<h3>{kind.capitalize()}</h3>"] if sentences else []
      for example in sentences:
        given = [("source", example.source, source), ("reference", example.reference, target)]
        rows = [*((term, line, code) for term, line, code in given if line is not None)]
        rows.append(("translation", example.translation, target))
        lines.append(
          f"<p class='which'>Sentence {example.number}, chrF {example.score:.1f}</p><dl>"
          + "".join(f"<dt>{term}</dt><dd{code}>{html.escape(line) or '(empty)'}</dd>" for term, line, code in rows)
          + "</dl>"
        )
    lines.append("</details>")
  return "\n".join(lines)


def _signatures(study: Study) -> str:
  """Each signature and version once, with its runs if not all have it."""
  found: dict[tuple[str, str], list[str]] = {}
  evaluated = [(name, run) for name, runs in study.runs.items() for run in runs if run.result is not None]
  for name, run in evaluated:
    for kind in ("signatures", "versions"):
      for what, value in ((run.result or {}).get(kind) or {}).items():
        found.setdefault((str(what), str(value)), []).append(f"{name} (seed {run.seed})")
    for what, why in ((run.result or {}).get("left_out") or {}).items():
      found.setdefault((str(what), f"not computed: {why}"), []).append(f"{name} (seed {run.seed})")
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
    '<div class="wide" role="region" tabindex="0" aria-label="Signatures"><table class="plain"><caption>How the numbers were'
    f" computed.</caption><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
  )
