"""The report's tables, of made-up runs."""

import csv
import os
import shutil
import subprocess
import sys

import tensorflow.compat.v1 as tf

from t2t_lottery.report import builder, paper_tables, study, table_formats
from t2t_lottery.utils import atomic_files
from tests.support import made_up_runs

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class ReportTablesTest(tf.test.TestCase):
  def report(self, made):
    """Writes the tables; returns their folder."""
    out = os.path.join(self.create_tempdir().full_path, "out")
    builder.write_tables(study.read(made.folder), out, samples=200)
    return out

  def folder(self):
    return os.path.join(self.create_tempdir().full_path, "runs")

  def rows(self, out, name="table"):
    """(method, sparsity) -> the row of the CSV."""
    with open(os.path.join(out, f"{name}.csv"), encoding="utf-8", newline="") as file:
      return {(row["method"], float(row["sparsity"])): row for row in csv.DictReader(file)}

  def markdown(self, out, name="table"):
    """First cell -> (head -> cell) of the markdown table."""
    lines = [line for line in made_up_runs.lines_of(os.path.join(out, f"{name}.md")) if line.startswith("| ")]
    heads, *rows = ([cell.strip() for cell in line.strip("|").split(" |")] for line in lines)
    return {row[0]: dict(zip(heads, row)) for row in rows}

  def test_shape_marks_and_means(self):
    out = self.report(made_up_runs.study(self.folder()))
    table = self.markdown(out)
    heads = ["sparsity", "MB", "MP BLEU", "MP TER", "SLT BLEU", "SLT TER", "SLT-MP BLEU", "SLT-MP TER"]
    self.assertEqual(list(table["50%"]), heads)
    self.assertEqual(list(table["0%"].values()), ["0%", "100"] + ["27.5", "64.0"] * 3)
    self.assertEqual(list(table["50%"].values()), ["50%", "50.0", "–", "–", "26.0", "65.0", "26.0†", "65.0†"])
    # SLT is far behind MP and SLT-MP; these two do not differ significantly in BLEU, and tie in TER.
    self.assertEqual(
      list(table["80%"].values()), ["80%", "20.0", "24.0≈", "**66.0**", "12.0", "80.0", "**24.2**‡", "**66.0**‡≈"]
    )
    self.assertEqual(table["90%"]["SLT-MP BLEU"], "…")
    notes = made_up_runs.lines_of(os.path.join(out, "table.md"))[-1]
    for note in ("† trained by SLT", "‡ trained by MP", "≈ not significantly worse", "… not finished"):
      self.assertIn(note, notes)
    self.assertNotIn("fewer seeds", notes)

  def test_csv_contains_every_metric_with_interval_spread_and_p(self):
    rows = self.rows(self.report(made_up_runs.study(self.folder())))
    dense, mp, slt, best = (rows[key] for key in (("MP", 0.0), ("MP", 0.8), ("SLT", 0.8), ("SLT-MP", 0.8)))
    self.assertEqual((float(dense["bleu"]), float(dense["bleu_min"]), float(dense["bleu_max"])), (27.5, 27, 28))
    self.assertEqual((dense["seeds"], dense["best_steps"], dense["run"]), ("1 2", "1900 1900", "dense"))
    for metric, value in (("bleu", 24), ("bleu_tokenized", 24.5), ("chrf", 44), ("ter", 66)):
      self.assertEqual(float(mp[metric]), value)
      self.assertLessEqual(float(mp[f"{metric}_low"]), float(mp[f"{metric}_high"]))
    self.assertBetween(66, float(mp["ter_low"]), float(mp["ter_high"]))
    self.assertEqual([mp[f"megabytes_{kind}"] for kind in ("paper", "csc", "file")], ["20.0", "70.0", "40.0"])
    self.assertLess(float(slt["bleu_p"]), 0.05)
    self.assertLess(float(slt["bleu_difference"]), -5)
    self.assertGreaterEqual(float(mp["bleu_p"]), 0.05)
    self.assertEqual((mp["bleu_best"], slt["bleu_best"], best["bleu_best"], best["bleu_p"]), ("0", "0", "1", ""))
    self.assertEqual((rows["SLT-MP", 0.5]["trained_by"], best["trained_by"], mp["trained_by"]), ("SLT", "MP", ""))
    # A run without results has a row with only its name.
    self.assertEqual((rows["SLT-MP", 0.9]["run"], rows["SLT-MP", 0.9]["bleu"]), ("slt-50-60-mp-90", ""))
    self.assertNotIn("paper_bleu", dense)

  def test_marks_a_mean_of_fewer_seeds(self):
    made = made_up_runs.study(self.folder())
    made.evaluated("mp-90", "mp", 90, 20, 70, seed=2)
    out = self.report(made)
    table = self.markdown(out)
    self.assertEqual((table["90%"]["MP BLEU"], table["90%"]["MP TER"]), ("20.0(\\*)", "70.0(\\*)"))
    self.assertEqual(table["0%"]["MP BLEU"], "27.5")
    self.assertIn("(\\*) mean of fewer seeds", made_up_runs.lines_of(os.path.join(out, "table.md"))[-1])
    self.assertIn(r"20.0$^{(*)}$ & 70.0$^{(*)}$", "\n".join(made_up_runs.lines_of(os.path.join(out, "table.tex"))))

  def test_without_statistics_of_sentences_there_is_no_significance(self):
    made = made_up_runs.Runs(self.folder())
    made.evaluated("mp-80", "mp", 80, 24, 66, segments=False)
    made.evaluated("slt-80", "slt", 80, 12, 66.04, "dense")
    out = self.report(made)
    row = self.rows(out)["SLT", 0.8]
    self.assertEqual((row["bleu_p"], row["bleu_best"]), ("", "0"))
    # Numbers that print the same count as equal.
    self.assertEqual(self.markdown(out)["80%"]["SLT TER"], "**66.0**")
    self.assertEqual(
      study.unfinished(study.read(made.folder)),
      [
        "mp-80, seed 1: no segments.npz, so no intervals and no significance",
        "dense: missing, though others are drawn from it",
      ],
    )

  def test_controls_are_listed_with_the_run_that_they_vary(self):
    out = self.report(made_up_runs.study(self.folder()))
    row = self.rows(out, "controls")["random signs", 0.5]
    self.assertEqual((row["run"], row["varies"], float(row["bleu"])), ("slt-50+random_signs", "slt-50", 8))
    self.assertLess(float(row["bleu_p"]), 0.05)
    # It has one seed; the run that it varies has two.
    self.assertEqual(
      list(self.markdown(out, "controls")["50%"].values()),
      ["50%", "50.0", "slt-50+random\\_signs", "random signs", "8.0(\\*)", "90.0(\\*)", "slt-50", "26.0", "65.0"],
    )

  def test_without_controls_there_is_no_second_table(self):
    made = made_up_runs.Runs(self.folder())
    made.evaluated("dense", "dense", 0, 27, 64)
    out = self.report(made)
    self.assertFalse(made_up_runs.exists(out, "controls.md"))
    self.assertEqual(list(self.markdown(out)["0%"]), ["sparsity", "MB", "dense BLEU", "dense TER"])

  def test_the_papers_scores_are_below_ours_for_the_papers_tasks(self):
    ende = {"problem": "translate_ende_wmt14", "size": "base"}
    out = self.report(made_up_runs.study(self.folder(), **ende))
    row = self.rows(out)["SLT-MP", 0.8]
    self.assertEqual((float(row["paper_bleu"]), float(row["paper_ter"])), (25.6, 65.9))
    lines = made_up_runs.lines_of(os.path.join(out, "table.md"))
    below = lines[next(i for i, line in enumerate(lines) if line.startswith("|      80%")) + 1]
    self.assertEqual(
      [cell.strip() for cell in below.strip("|").split(" |")],
      ["paper", "59", "24.8", "66.8", "24.8", "67.7", "25.6‡", "65.9‡"],
    )
    enfr = self.rows(
      self.report(made_up_runs.study(self.folder(), **{**ende, "problem": "translate_enfr_wmt14_packed"}))
    )
    self.assertEqual(float(enfr["SLT", 0.8]["paper_bleu"]), 37.4)
    for other in (
      {"problem": "translate_ende_wmt14", "size": "tiny"},
      {"problem": "translate_ende_multi30k", "size": "base"},
    ):
      out = self.report(made_up_runs.study(self.folder(), **other))
      self.assertNotIn("paper_bleu", self.rows(out)["SLT", 0.8])
      self.assertNotIn("paper", "\n".join(made_up_runs.lines_of(os.path.join(out, "table.md"))))

  def test_latex_escapes_special_characters(self):
    cells = [paper_tables.Cell("a_b%&#$~^\\{}", 1.0, True, ("‡", "≈")), paper_tables.Cell("–")]
    text = table_formats.latex(paper_tables.Table("100% of x_y", [("", "a_b"), ("", "c")], [[cells]], []), "tab:x")
    special = r"a\_b\%\&\#\$\textasciitilde{}\textasciicircum{}\textbackslash{}\{\}"
    self.assertIn(rf"\textbf{{{special}}}$^{{\ddagger}}$$^{{\approx}}$ & -- \\", text)
    self.assertIn(r"\caption{100\% of x\_y.}", text)
    self.assertIn(r"a\_b & c \\", text)

  def test_latex_rows_have_as_many_cells_as_columns(self):
    out = self.report(made_up_runs.study(self.folder(), problem="translate_ende_wmt14", size="base"))
    for name, columns in (("table", 8), ("controls", 9)):
      lines = made_up_runs.lines_of(os.path.join(out, f"{name}.tex"))
      self.assertIn(r"\begin{tabular}", "".join(lines))
      rows = lines[lines.index(r"\midrule") + 1 : lines.index(r"\bottomrule")]
      self.assertNotEmpty(rows)
      for row in rows:
        self.assertEqual(row.replace(r"\&", "").count("&"), columns - 1, row)

  def test_markdown_escapes_special_characters(self):
    table = paper_tables.Table("x", [("", "a|b")], [[[paper_tables.Cell("a_b*|<i>", "a")]]], [])
    self.assertIn("| a\\_b\\*\\|\\<i\\> |", table_formats.markdown(table))

  def run_command(self, *arguments):
    return subprocess.run(
      [sys.executable, "-m", "t2t_lottery.report", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )

  def test_command(self):
    made = made_up_runs.study(self.folder(), seeds=(1,))
    made.begun("slt-50-80", "slt", 80, "slt-50", seed=2)
    out = os.path.join(self.create_tempdir().full_path, "report")
    done = self.run_command(f"--runs_dir={made.folder}", f"--out={out}", "--samples=10")
    self.assertEqual(done.returncode, 0, done.stderr)
    lines = done.stdout.splitlines()
    self.assertIn("slt-50-80, seed 2: not finished", lines)
    self.assertIn("slt-50, seed 2: missing, though other seeds have it", lines)
    self.assertEqual(lines[-1], f"Report:  {out}/index.html")
    self.assertTrue(made_up_runs.exists(out, "index.html"))

  def test_a_report_has_a_folder_for_its_problem_and_size_and_nothing_of_an_earlier_one(self):
    made = made_up_runs.study(self.folder(), seeds=(1,))
    out = os.path.join(made.folder, made.problem, made.size, "report")
    for name in ("controls.md", "claims.csv", "rewind_steps_rewind_dense.tex", "plots/transfer.svg", "own.md"):
      atomic_files.write_text(os.path.join(out, name), "of before")
    shutil.rmtree(made.path("slt-50+random_signs"))
    done = self.run_command(f"--runs_dir={made.folder}", "--samples=10")
    self.assertEqual(done.stdout.splitlines()[-1], f"Report:  {out}/index.html")
    names = os.listdir(out)
    self.assertContainsSubset(["index.html", "table.md", "claims.csv", "own.md"], names)
    self.assertNoCommonElements(["controls.md", "rewind_steps_rewind_dense.tex"], names)
    self.assertNotIn("transfer.svg", os.listdir(os.path.join(out, "plots")))
    with open(os.path.join(out, "claims.csv"), encoding="utf-8") as file:
      self.assertNotIn("of before", file.read())

  def test_command_reports_errors_in_one_line(self):
    empty = self.create_tempdir().full_path
    two = made_up_runs.study(self.folder(), seeds=(1,))
    made_up_runs.Runs(two.folder, size="small").begun("dense", "dense", 0)
    for arguments, message in (
      ([f"--runs_dir={empty}"], f"{empty} contains no run: train some"),
      ([f"--runs_dir={two.folder}", "--size=base"], f"{two.folder} contains no run of base"),
      (
        [f"--runs_dir={two.folder}"],
        "contains runs of translate_ende_grammar, small; translate_ende_grammar, tiny: choose",
      ),
      ([f"--runs_dir={two.folder}", "--size=tiny", f"--archive={two.folder}"], "contains the runs themselves"),
    ):
      done = self.run_command(*arguments, f"--out={empty}/out", "--samples=10")
      self.assertEqual(done.returncode, 1)
      self.assertLen(done.stderr.splitlines(), 1, done.stderr)
      self.assertIn(message, done.stderr)

  def test_command_imports_no_tensorflow(self):
    code = "import sys, t2t_lottery.report.__main__; sys.exit('tensorflow' in sys.modules)"
    self.assertEqual(subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode, 0)


if __name__ == "__main__":
  tf.test.main()
