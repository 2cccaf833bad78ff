"""The report's page, plots and archive of made-up runs."""

import functools
import html.parser
import os
import re
import shutil
import subprocess
import tempfile

import made_up_runs
import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery import rawtext
from t2t_lottery.report import archive, examples, heatmaps, plots, runs, style, writing

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
    os.makedirs(cls.data_dir)
    written = {}
    for side in rawtext.SIDES:
      name = rawtext.raw_name(cls.made.problem, "test", side)
      with open(os.path.join(cls.data_dir, name), "w", encoding="utf-8") as file:
        file.writelines(f"{side} {i} <&>\n" for i in range(made_up_runs.SENTENCES))
      written[name] = rawtext.file_info(os.path.join(cls.data_dir, name))
    rawtext.write_manifest(cls.made.problem, cls.data_dir, written, {"vocabulary": "v"})
    cls.out = cls.report(cls.made.folder, "out", cls.data_dir)
    cls.html = read(os.path.join(cls.out, "index.html")).decode()
    cls.page = Page(cls.html)

  @classmethod
  def report(cls, runs_dir, name, data_dir=None):
    out = os.path.join(cls.folder, name)
    writing.report(runs.read(runs_dir), out, data_dir, samples=20, learning_curves=True)
    return out

  def test_refers_to_nothing_outside(self):
    self.assertEqual(self.page.open, [])
    for tag, attributes in self.page.elements:
      self.assertNotIn(tag, ("link", "iframe", "object", "base", "form"))
      for name in ("src", "href", "srcset", "action", "data", "poster"):
        self.assertRegex(attributes.get(name, "#"), r"^(#|data:image/svg\+xml;base64,)")
    self.assertEqual(self.page.all("script"), [{}])
    for place in re.findall(r"url\(|@import|https?:|//[a-z]", self.html):
      self.fail(f"{place} asks a network")

  def test_is_one_that_everybody_can_read(self):
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

  def test_shows_the_tables_what_is_missing_and_signatures(self):
    text = "".join(self.page.text)
    for shown in (
      "SLT-MP",
      "random signs",
      "slt-50-60-mp-90, seed 1: not finished",
      "BLEU|nrefs:1",
      "beam:4",
      "1.26.4",
    ):
      self.assertIn(shown, text)
    self.assertIn("paper", text)

  def test_translations_stand_beside_source_and_reference(self):
    text = "".join(self.page.text)
    last = made_up_runs.SENTENCES - 1
    for shown in (f"source {last} <&>", f"reference {last} <&>", f"sentence {last} of dense & <b>co</b>"):
      self.assertIn(shown, text)
    self.assertLen([attrs for attrs in self.page.all("dd") if attrs.get("lang") == "en"], 9 * 7)

  def test_examples_are_the_best_the_median_and_the_worst(self):
    self.assertEqual(
      examples.chosen(np.array([5.0, 9, 1, 9, 4, 2, 3, 8, 7]), 2),
      {"best": [1, 3], "median": [0, 8][::-1], "worst": [5, 2]},
    )
    self.assertEqual(examples.chosen(np.array([1.0])), {"best": [0], "median": [], "worst": []})
    self.assertEqual(examples.chosen(np.array([1.0, 2, 3])), {"best": [2], "median": [1], "worst": [0]})

  def test_the_same_runs_give_the_same_files(self):
    self.assertEqual(all_files(self.out), all_files(self.report(self.made.folder, "again", self.data_dir)))

  def test_archive_gives_the_same_report_and_holds_no_text_of_the_test_set(self):
    folder = os.path.join(self.folder, "archive")
    study = runs.read(self.made.folder)
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

  def test_without_the_text_translations_stand_alone_and_it_says_why(self):
    made = made_up_runs.Runs(os.path.join(self.folder, "small"))
    made.evaluated("dense", "dense", 0, 27, 64)
    for data_dir, why in ((None, "no --data_dir was given"), (self.folder, "--data_dir has no whole data of")):
      page = Page(read(os.path.join(self.report(made.folder, "small_out", data_dir), "index.html")).decode())
      text = "".join(page.text)
      self.assertIn(why, text)
      self.assertNotIn(self.folder, text)
      self.assertIn("sentence 0 of dense", text)
      self.assertLen(page.all("dd"), 9)

  def test_before_any_run_is_evaluated(self):
    made = made_up_runs.Runs(os.path.join(self.folder, "begun"))
    made.begun("dense", "dense", 0)
    page = Page(read(os.path.join(self.report(made.folder, "begun_out"), "index.html")).decode())
    self.assertIn("dense, seed 1: not finished", "".join(page.text))
    self.assertEmpty(page.all("img"))

  def test_plots_are_there_in_both_forms(self):
    found = set(os.listdir(os.path.join(self.out, "plots")))
    names = ("bleu", "ter", "size", "magnitudes", "layers_sparsity", "layers_signs", "learning_curves")
    self.assertEqual(found, {f"{name}.{form}" for name in names for form in ("svg", "png")})
    for name in found:
      content = read(os.path.join(self.out, "plots", name))
      self.assertTrue(content.startswith(b"<?xml" if name.endswith("svg") else b"\x89PNG"), name)
      self.assertNotIn(b"dc:date", content)

  def test_methods_differ_in_colour_marker_and_line(self):
    for looks in zip(*style.LINES.values()):
      # The dense run has a column of its own only where there is no other.
      self.assertLen(set(looks[:6]), 6)
    entries, _ = writing.write_tables(runs.read(self.made.folder), os.path.join(self.folder, "tables"), 20)
    (axes,) = next(plot for plot in plots.all_plots(entries) if plot.name == "bleu").figure.axes
    lines = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    self.assertEqual(set(lines), {"MP", "SLT", "SLT-MP"})
    self.assertLen({line.get_marker() for line in lines.values()}, 3)
    self.assertAllClose(lines["MP"].get_xydata(), [[0, 27.5], [80, 24]])

  def test_heat_map_has_layers_in_the_way_of_the_signal_and_means_over_seeds(self):
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
  def test_tables_sort_by_click_in_a_browser_and_nothing_overflows_a_phone(self):
    if chromium() is None:
      self.skipTest("no chromium is installed (apt-get install chromium)")
    folder = self.create_tempdir().full_path
    made = made_up_runs.study(os.path.join(folder, "runs"), seeds=(1,))
    writing.report(runs.read(made.folder), folder, None, samples=20, learning_curves=False)
    text = read(os.path.join(folder, "index.html")).decode()
    script = """<script>
      const said = [];
      const table = document.getElementById("table-1");
      const order = () => [...table.tBodies].map((body) => body.rows[0].cells[0].textContent).join(" ");
      const button = table.querySelector("[data-column='2']");
      said.push(order());
      for (const _ of [1, 2]) {
        button.focus();
        document.activeElement.click();
        said.push(order(), button.closest("th").getAttribute("aria-sort"));
      }
      table.querySelector("[data-column='0']").click();
      said.push(order(), table.querySelectorAll("[aria-sort]").length);
      const frame = document.createElement("p");
      frame.id = "said";
      frame.textContent = JSON.stringify(said);
      document.body.append(frame);
      document.body.dataset.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    </script></body>"""
    with open(os.path.join(folder, "clicked.html"), "w", encoding="utf-8") as file:
      file.write(text.replace("</body>", script))
    done = subprocess.run(
      [
        chromium(),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={folder}/profile",
        "--window-size=375,800",
        "--dump-dom",
        f"file://{folder}/clicked.html",
      ],
      capture_output=True,
      text=True,
      check=False,
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    said = re.search(r'<p id="said">(.*?)</p>', done.stdout)
    self.assertIsNotNone(said, done.stdout[-2000:] + done.stderr[-2000:])
    # By BLEU of MP: 27 at 0%, 24 at 80%; the other levels have none and stay last, in their order.
    self.assertEqual(
      said[1],
      '["0% 50% 60% 80% 90%","80% 0% 50% 60% 90%","ascending","0% 80% 50% 60% 90%","descending","0% 50% 60% 80% 90%",1]',
    )
    self.assertIn('data-overflow="0"', done.stdout)


if __name__ == "__main__":
  tf.test.main()
