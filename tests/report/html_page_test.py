"""The report's page, plots and archive, of made-up runs."""

import base64
import csv
import functools
import hashlib
import html.parser
import io
import json
import os
import re
import shutil
import subprocess
import tempfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from t2t_lottery.data import manifest
from t2t_lottery.report import archive, builder, examples, heatmaps, plot_style, plots, table_columns
from t2t_lottery.report import study as studies
from t2t_lottery.runs import results_file
from t2t_lottery.utils.errors import UserError
from tests.support import made_up_runs

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(html.parser.HTMLParser):
  """A page's elements; tags must close in order."""

  def __init__(self, text):
    super().__init__()
    self.elements, self.open, self.text = [], [], []
    self.feed(text)
    self.close()

  def handle_starttag(self, tag, attrs):
    self.elements.append((tag, dict(attrs)))
    if tag not in VOID:
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag, f"</{tag}> closes another element"

  def handle_data(self, data):
    self.text.append(data)

  def all(self, tag):
    return [attrs for name, attrs in self.elements if name == tag]


def read(path):
  with open(path, "rb") as file:
    return file.read()


def all_files(folder):
  return {
    os.path.relpath(os.path.join(where, name), folder): read(os.path.join(where, name))
    for where, _, names in os.walk(folder)
    for name in names
  }


class ReportPageTest(tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    cls.addClassCleanup(shutil.rmtree, cls.folder)
    cls.made = made_up_runs.study(os.path.join(cls.folder, "runs"), problem="translate_ende_wmt14", size="base")
    cls.data_dir = os.path.join(cls.folder, "data")
    texts = {side: [f"{side} {i} <&>" for i in range(made_up_runs.SENTENCES)] for side in manifest.SIDES}
    made_up_runs.write_test_set(cls.made.problem, cls.data_dir, texts, "v")
    cls.out = cls.report(cls.made.folder, "out", cls.data_dir)
    cls.html = read(os.path.join(cls.out, "index.html")).decode()
    cls.page = Page(cls.html)

  @classmethod
  def report(cls, runs_dir, name, data_dir=None):
    out = os.path.join(cls.folder, name)
    builder.report(studies.read(runs_dir), out, data_dir, samples=20, learning_curves=True)
    return out

  def test_refers_to_nothing_outside(self):
    self.assertEqual(self.page.open, [])
    for tag, attributes in self.page.elements:
      self.assertNotIn(tag, ("link", "iframe", "object", "base", "form"))
      for name in ("src", "href", "srcset", "action", "data", "poster"):
        self.assertRegex(attributes.get(name, "#"), r"^(#|data:image/svg\+xml;base64,)")
    self.assertEqual(self.page.all("script"), [{}])
    for place in re.findall(r"url\(|@import|https?:|//[a-z]", self.html):
      self.fail(f"{place} requests something from the network")

  def test_is_accessible(self):
    self.assertIn(("html", {"lang": "en"}), self.page.elements)
    self.assertIn({"name": "viewport", "content": "width=device-width, initial-scale=1"}, self.page.all("meta"))
    ids = [attributes["id"] for _, attributes in self.page.elements if "id" in attributes]
    self.assertCountEqual(ids, set(ids))
    for link in self.page.all("a"):
      self.assertIn(link["href"][1:], ids)
    self.assertLen(self.page.all("caption"), len(self.page.all("table")))
    self.assertLen(self.page.all("figcaption"), len(self.page.all("img")))
    for image in self.page.all("img"):
      self.assertNotEmpty(image["alt"])

  def test_contains_tables_missing_runs_and_signatures(self):
    text = "".join(self.page.text)
    for expected in (
      "SLT-MP",
      "random signs",
      "slt-50-60-mp-90, seed 1: not finished",
      "BLEU|nrefs:1",
      "beam:4",
      "1.26.4",
    ):
      self.assertIn(expected, text)
    self.assertIn("paper", text)

  def test_contains_translations_with_source_and_reference(self):
    text = "".join(self.page.text)
    last = made_up_runs.SENTENCES - 1
    for expected in (f"source {last} <&>", f"reference {last} <&>", f"sentence {last} of dense & <b>co</b>"):
      self.assertIn(expected, text)
    self.assertLen([attrs for attrs in self.page.all("dd") if attrs.get("lang") == "en"], 9 * 7)

  def test_examples_are_the_best_median_and_worst(self):
    self.assertEqual(
      examples.chosen(np.array([5.0, 9, 1, 9, 4, 2, 3, 8, 7]), 2),
      {"best": [1, 3], "median": [0, 8][::-1], "worst": [5, 2]},
    )
    self.assertEqual(examples.chosen(np.array([1.0])), {"best": [0], "median": [], "worst": []})
    self.assertEqual(examples.chosen(np.array([1.0, 2, 3])), {"best": [2], "median": [1], "worst": [0]})

  def test_the_same_runs_give_the_same_files(self):
    self.assertEqual(all_files(self.out), all_files(self.report(self.made.folder, "again", self.data_dir)))

  @pytest.mark.slow
  def test_archive_gives_the_same_report_and_contains_no_text_of_the_test_set(self):
    folder = os.path.join(self.folder, "archive")
    study = studies.read(self.made.folder)
    with open(os.path.join(self.made.path("slt-50"), "model.ckpt-1900.index"), "w", encoding="utf-8") as file:
      file.write("large")
    size = archive.copy(study, folder)
    found = all_files(folder)
    self.assertEqual(size, sum(map(len, found.values())))
    self.assertEqual(
      {os.path.basename(name) for name in found},
      {"run.json", "result.json", "segments.npz", "layers.json", "test.1900.txt"},
    )
    for content in found.values():
      self.assertNotIn(b"source 1", content)
      self.assertNotIn(b"reference 1", content)
    self.assertEqual(all_files(self.report(folder, "from_archive", self.data_dir)), all_files(self.out))

  def test_without_text_shows_only_translations_and_why(self):
    made = made_up_runs.Runs(os.path.join(self.folder, "small"))
    made.evaluated("dense", "dense", 0, 27, 64)
    for data_dir, why in ((None, "no --data_dir was given"), (self.folder, "--data_dir has no complete data of")):
      page = Page(read(os.path.join(self.report(made.folder, "small_out", data_dir), "index.html")).decode())
      text = "".join(page.text)
      self.assertIn(why, text)
      self.assertNotIn(self.folder, text)
      self.assertIn("sentence 0 of dense", text)
      self.assertLen(page.all("dd"), 9)

  def test_nothing_in_a_name_or_a_text_becomes_markup(self):
    evil = "<img src=x onerror=\"document.title='X'\">&amp;$x^$`|[a](javascript:1)"
    problem, size = f"translate_ende_{evil}", f"tiny{evil}"
    made = made_up_runs.Runs(os.path.join(self.folder, "evil"), problem, size)
    names = (f"slt-50{evil}", f"slt-50{evil}+{evil}")
    for name, controls in zip(names, (None, [evil])):
      made.evaluated("dense", "dense", 0, 27, 64)
      made.evaluated(name, "slt", 50, 26, 65, "dense", controls=controls)
      path = os.path.join(made.path(name), "result.json")
      result = json.loads(read(path))
      result["signatures"] = {**result["signatures"], evil: evil}
      result["versions"] = {evil: evil, "numpy": f"1{name}"}
      result["left_out"] = {evil: evil}
      with open(path, "w", encoding="utf-8") as file:
        json.dump(result, file)
      with open(os.path.join(made.path(name), "layers.json"), "w", encoding="utf-8") as file:
        json.dump({f"{evil}/kernel": {"sparsity": 0.5, "signs": 0.5}}, file)
      with open(os.path.join(made.path(name), "translations", "test.1900.txt"), "w", encoding="utf-8") as file:
        file.writelines(f"{evil}</dd><script>{i}</script>\n" for i in range(made_up_runs.SENTENCES))
    made.begun(f"begun{evil}", "slt", 60, f"missing{evil}")
    out = self.report(made.folder, "evil_out")
    page = Page(read(os.path.join(out, "index.html")).decode())
    self.assertEqual(page.open, [])
    self.assertEqual(page.all("script"), [{}])
    for _, attributes in page.elements:
      self.assertEmpty([name for name in attributes if name.startswith("on")])
    self.assertLen(
      page.all("img"), len([name for name in os.listdir(os.path.join(out, "plots")) if name.endswith("svg")])
    )
    text = "".join(page.text)
    for expected in (problem, size, *names, f"missing{evil}", f"{evil}</dd><script>0</script>"):
      self.assertIn(expected, text)
    markdown = read(os.path.join(out, "table.md")).decode() + read(os.path.join(out, "controls.md")).decode()
    self.assertNotRegex(markdown, r"(?<!\\)[<\[`]")

  def test_policy_allows_only_the_pages_own_script_and_style(self):
    metas = self.page.all("meta")
    (policy,) = [meta["content"] for meta in metas if meta.get("http-equiv") == "Content-Security-Policy"]
    self.assertNotIn("unsafe", policy)
    self.assertEmpty([attributes for _, attributes in self.page.elements if "style" in attributes])
    for tag in ("script", "style"):
      (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", self.html, re.DOTALL)
      digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
      self.assertIn(f"{tag}-src 'sha256-{digest}'", policy)

  def test_a_metric_that_does_not_apply_has_no_column_and_comet_has_one_if_a_run_has_it(self):
    made = made_up_runs.Runs(os.path.join(self.folder, "languages"))
    why = "Moses' tokenizer has no rules for the language 'zh'"
    for run, method, percent, comet in (("dense", "dense", 0, 81.5), ("mp-50", "mp", 50, 70.25)):
      made.evaluated(run, method, percent, 27, 64)
      path = os.path.join(made.path(run), "result.json")
      result = json.loads(read(path))
      del result["test"]["bleu_tokenized"]
      result["test"]["comet"] = comet
      with open(path, "w", encoding="utf-8") as file:
        json.dump({**result, "left_out": {"bleu_tokenized": why}}, file)
    out = os.path.join(self.folder, "languages_out")
    builder.report(studies.read(made.folder), out, None, samples=20, learning_curves=False)
    (head, _, dense, *_), columns = (
      [line for line in read(os.path.join(out, "table.md")).decode().splitlines() if line.startswith("|")],
      csv.DictReader(io.StringIO(read(os.path.join(out, "table.csv")).decode())).fieldnames,
    )
    self.assertEqual([cell.strip() for cell in head.split("|")[3:-1]], ["MP BLEU", "MP TER", "MP COMET"])
    self.assertEqual(dense.split("|")[5].strip(), "81.5")
    self.assertIn(f"No bleu\\_tokenized: {why}.", read(os.path.join(out, "table.md")).decode())
    self.assertNotIn("bleu_tokenized", columns)
    self.assertContainsSubset(["comet", "comet_low", "comet_best"], columns)

  def test_hparams_that_shape_the_model_are_in_the_caption_and_runs_with_others_are_left_out(self):
    made = made_up_runs.Runs(os.path.join(self.folder, "shapes"))
    for seed, hparams in ((1, "hidden_size=96"), (2, "hidden_size=96"), (3, "hidden_size=192")):
      made.evaluated("dense", "dense", 0, 27, 64, seed=seed)
      made.change("dense", seed, hparams=hparams)
    out = os.path.join(self.folder, "shapes_out")
    missing = builder.report(studies.read(made.folder), out, None, samples=20, learning_curves=False)
    self.assertIn(
      "dense, seed 3: left out: trained with --hparams=hidden_size=192, others with --hparams=hidden_size=96", missing
    )
    self.assertIn("tiny, hidden\\_size=96: BLEU", read(os.path.join(out, "table.md")).decode())

  def test_leaves_out_and_lists_results_by_another_tokenizer_and_seeds_of_another_length_or_t(self):
    made = made_up_runs.Runs(os.path.join(self.folder, "tokenizers"))
    for run, method, level, mask_from in (("dense", "dense", 0, None), ("slt-50", "slt", 50, "dense")):
      for seed in (1, 2, 3, 4):
        made.evaluated(run, method, level, 20 + seed, 64, mask_from, seed=seed)
    for run, seed, changed in (
      *(("dense", seed, {"signatures": {"bleu": "nrefs:1|tok:13a|smooth:exp"}}) for seed in (1, 2, 3, 4)),
      ("slt-50", 1, {"signatures": {"bleu": "nrefs:1|tok:char|smooth:exp"}}),
      ("slt-50", 2, {"train_steps": 4000}),
      ("slt-50", 3, {"rewind_to": "dense@200"}),
    ):
      made.change(run, seed, **changed)
    made.evaluated("slt-50", "slt", 50, 25, 64, "dense", seed=5)
    out = os.path.join(self.folder, "tokenizers_out")
    missing = builder.report(studies.read(made.folder), out, None, samples=20, learning_curves=False)
    of_slt = [line for line in missing if line.startswith("slt-50")]
    self.assertEqual(
      of_slt,
      [
        "slt-50, seed 1: left out: scored with BLEU's tokenizer char, others with 13a",
        "slt-50, seed 2: left out: trained for 4,000 steps from step 100, other seeds for 2,000 steps from step 100",
        "slt-50, seed 3: left out: trained for 2,000 steps from step 200, other seeds for 2,000 steps from step 100",
      ],
    )
    (row,) = [
      r for r in csv.DictReader(io.StringIO(read(os.path.join(out, "table.csv")).decode())) if r["run"] == "slt-50"
    ]
    self.assertEqual(float(row["bleu"]), 24.5)

  def test_leaves_out_and_lists_seeds_of_other_test_sets_or_data(self):
    made = made_up_runs.Runs(os.path.join(self.folder, "other_sizes"))
    for seed in (1, 2, 3, 4):
      made.evaluated("dense", "dense", 0, 27, 64, seed=seed)
      made.evaluated("slt-50", "slt", 50, 20 + seed, 65, "dense", seed=seed)
      path = os.path.join(made.path("slt-50", seed), "result.json")
      result = {**json.loads(read(path)), "data": "other" if seed == 4 else "usual"}
      with open(path, "w", encoding="utf-8") as file:
        json.dump(result, file)
    shorter = {name: rows[:50] for name, rows in made_up_runs.statistics(22, 65).items()}
    np.savez_compressed(os.path.join(made.path("slt-50", 2), "segments.npz"), **shorter)
    out = os.path.join(self.folder, "other_sizes_out")
    missing = builder.report(studies.read(made.folder), out, None, samples=20, learning_curves=False)
    self.assertIn("slt-50, seed 2: left out: tested on 50 sentences, others on 60", missing)
    self.assertIn("slt-50, seed 4: left out: trained on data other, others on usual", missing)
    rows = list(csv.DictReader(io.StringIO(read(os.path.join(out, "table.csv")).decode())))
    (row,) = [row for row in rows if row["run"] == "slt-50"]
    ours, others = results_file.split_by_data(results_file.collect(made.folder))
    self.assertEqual([(line["run"], line["seed"]) for line in others], [("slt-50", 4)])
    self.assertLen(ours, 7)
    self.assertEqual((row["seeds"], float(row["bleu"])), ("1 3", 22.0))
    self.assertNotEmpty(row["bleu_s_opt"])

  def test_text_of_other_data_is_not_shown(self):
    made = made_up_runs.Runs(os.path.join(self.folder, "other_data"), "translate_ende_wmt14", "base")
    made.evaluated("dense", "dense", 0, 27, 64)
    path = os.path.join(made.path("dense"), "result.json")
    result = {**json.loads(read(path)), "data": "another"}
    with open(path, "w", encoding="utf-8") as file:
      json.dump(result, file)
    found = examples.text_of(studies.read(made.folder), self.data_dir)
    self.assertEqual((found.sources, found.references), ([], []))
    self.assertIn("contains other data", found.why)

  def test_rejects_a_name_that_leads_to_another_folder(self):
    for name, value in (
      ("run", "../../../../outside"),
      ("run", "/tmp/outside"),
      ("run", ".."),
      ("run", "a\nb"),
      ("problem", "../other"),
      ("size", ""),
      ("seed", "1/../.."),
      ("seed", True),
      ("mask_from", "../../dense@2000"),
      ("mask_from", "dense@../1"),
      ("best_step", "1/../../2"),
      ("decoder", "../x"),
    ):
      made = made_up_runs.Runs(self.create_tempdir().full_path)
      made.evaluated("slt-50", "slt", 50, 27, 64, "dense")
      for file_name in ("run.json", "result.json"):
        path = os.path.join(made.path("slt-50"), file_name)
        content = {**json.loads(read(path)), name: value}
        with open(path, "w", encoding="utf-8") as file:
          json.dump(content, file)
      with self.assertRaisesRegex(
        UserError, rf"slt-50/\w+.json (does not describe a run|is damaged) \({name} .*\): delete it"
      ):
        studies.read(made.folder)
      # Results of other runs are still collected.
      self.assertEmpty(results_file.collect(made.folder))

  def test_before_any_run_is_evaluated(self):
    made = made_up_runs.Runs(os.path.join(self.folder, "begun"))
    made.begun("dense", "dense", 0)
    page = Page(read(os.path.join(self.report(made.folder, "begun_out"), "index.html")).decode())
    self.assertIn("dense, seed 1: not finished", "".join(page.text))
    self.assertEmpty(page.all("img"))

  def test_plots_are_written_in_both_formats(self):
    found = set(os.listdir(os.path.join(self.out, "plots")))
    names = ("bleu", "ter", "size", "magnitudes", "layers_sparsity", "layers_signs", "learning_curves")
    self.assertEqual(found, {f"{name}.{form}" for name in names for form in ("svg", "png")})
    for name in found:
      content = read(os.path.join(self.out, "plots", name))
      self.assertTrue(content.startswith(b"<?xml" if name.endswith("svg") else b"\x89PNG"), name)
      self.assertNotIn(b"dc:date", content)

  def test_methods_differ_in_color_marker_and_line(self):
    self.assertEqual(set(plot_style.LINES), {*table_columns.COLUMNS.values(), "dense"})
    for looks in zip(*plot_style.LINES.values()):
      # The dense run has its own column only if there is no other.
      self.assertLen(set(looks[:-1]), len(table_columns.COLUMNS))
    entries = builder.write_tables(studies.read(self.made.folder), os.path.join(self.folder, "tables"), 20).entries
    (axes,) = next(plot for plot in plots.all_plots(entries) if plot.name == "bleu").figure.axes
    lines = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    self.assertEqual(set(lines), {"MP", "SLT", "SLT-MP"})
    self.assertLen({line.get_marker() for line in lines.values()}, 3)
    self.assertAllClose(lines["MP"].get_xydata(), [[0, 27.5], [80, 24]])

  def test_heat_map_has_layers_in_forward_order_and_means_over_seeds(self):
    names = [made_up_runs.CROSS, made_up_runs.FFN, made_up_runs.EMBEDDING]
    seeds = [{**{name: {"signs": value} for name in names}, "total": {"signs": 9}} for value in (0.5, 0.7)]
    panel = heatmaps.panel([(0.5, seeds), (0.8, [{}, {}]), (0.9, [{names[0]: {"signs": None}}])], "signs")
    self.assertEqual(panel.layers, ["embedding", "enc 0 ffn in", "dec 1 cross q"])
    self.assertEqual(panel.levels, [0.5, 0.9])
    self.assertAllClose(panel.values, [[0.6, np.nan]] * 3)
    self.assertIsNone(heatmaps.panel([(0.5, [{}])], "signs"))


@functools.cache
def chromium():
  return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class BrowserTest(tf.test.TestCase):
  def dump(self, script):
    """The DOM of a report's page of made-up runs after a script, in the window of a phone."""
    folder = self.create_tempdir().full_path
    made = made_up_runs.study(os.path.join(folder, "runs"), seeds=(1,))
    builder.report(studies.read(made.folder), folder, None, samples=20, learning_curves=False)
    text = read(os.path.join(folder, "index.html")).decode()
    # The page allows no script but its own.
    allowed = "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = text.replace("script-src ", f"script-src '{allowed}' ")
    with open(os.path.join(folder, "clicked.html"), "w", encoding="utf-8") as file:
      file.write(text.replace("</body>", f"<script>{script}</script></body>"))
    flags = (
      *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
      *("--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder}/profile"),
      *("--window-size=375,800", "--dump-dom", f"file://{folder}/clicked.html"),
    )
    done = subprocess.run([chromium(), *flags], capture_output=True, text=True, check=False)
    self.assertEqual(done.returncode, 0, done.stderr)
    return done.stdout

  def test_tables_sort_by_click_in_a_browser_and_nothing_overflows_a_phone(self):
    if chromium() is None:
      self.skipTest("no chromium is installed (apt-get install chromium)")
    dom = self.dump("""
      const results = [];
      const table = document.getElementById("table-1");
      const order = () => [...table.tBodies].map((body) => body.rows[0].cells[0].textContent).join(" ");
      const button = table.querySelector("[data-column='2']");
      results.push(order());
      for (const _ of [1, 2]) {
        button.focus();
        document.activeElement.click();
        results.push(order(), button.closest("th").getAttribute("aria-sort"));
      }
      table.querySelector("[data-column='0']").click();
      results.push(order(), table.querySelectorAll("[aria-sort]").length);
      const frame = document.createElement("p");
      frame.id = "results";
      frame.textContent = JSON.stringify(results);
      document.body.append(frame);
      document.body.dataset.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    """)
    results = re.search(r'<p id="results">(.*?)</p>', dom)
    self.assertIsNotNone(results, dom[-2000:])
    # By BLEU of MP: 27 at 0%, 24 at 80%; the other levels have none and stay last, in their order.
    self.assertEqual(
      results[1],
      '["0% 50% 60% 80% 90%","80% 0% 50% 60% 90%","ascending","0% 80% 50% 60% 90%","descending","0% 50% 60% 80% 90%",1]',
    )
    self.assertIn('data-overflow="0"', dom)


if __name__ == "__main__":
  tf.test.main()
