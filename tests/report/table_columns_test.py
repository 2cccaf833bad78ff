"""Which run is in which column of the report's tables."""

import re

import tensorflow.compat.v1 as tf

from t2t_lottery.report import aggregates, table_columns
from t2t_lottery.report import study as studies


def about(*runs):
  """(name, method, percent, mask_from, controls...) -> descriptions."""
  found = {}
  for name, method, percent, parent, *controls in runs:
    found[name] = {"method": method, "sparsity_asked": percent / 100}
    if parent:
      found[name]["mask_from"] = f"{parent}@2000"
    if controls:
      found[name]["controls"] = controls
  return found


DENSE = ("dense", "dense", 0, None)
SLT = [("slt-50", "slt", 50, "dense"), ("slt-50-80", "slt", 80, "slt-50"), ("slt-50-80-90", "slt", 90, "slt-50-80")]
SLT_MP = [("slt-50-60", "slt", 60, "slt-50")] + [(f"slt-50-60-mp-{n}", "slt_mp", n, "slt-50-60") for n in (80, 90)]
MP = [(f"mp-{n}", "mp", n, None) for n in (50, 60, 80, 90)]
MP_SLT = [("mp-60-slt-80", "mp_slt", 80, "mp-60"), ("mp-60-slt-80-90", "mp_slt", 90, "mp-60-slt-80")]


# As of mp.sh and slt_mp.sh with --levels="50 60 80 90" --steps=2000 --equal_training.
LONGER = [*((f"mp+steps_{2000 * n}-{level}", "mp", level, None) for n, level in ((2, 50), (3, 60), (4, 80), (5, 90)))]
LONGER.append(("slt-50-60-mp+steps_4000-90", "slt_mp", 90, "slt-50-60"))


def rows(found):
  return {title: [(f"{p.level * 100:g}", p.run, p.mark) for p in places] for title, places in found.items()}


class ColumnsTest(tf.test.TestCase):
  def test_methods_are_in_the_papers_order_with_dense_in_each(self):
    more = [(f"{method}-50", method, 50, "dense") for method in ("lt", "clt", "lrr", "finetune")]
    found = table_columns.assign(about(*reversed([DENSE, *SLT, *SLT_MP, *MP, *MP_SLT, *more])))
    self.assertEqual(list(found), ["MP", "LT", "SLT", "CLT", "SLT-MP", "MP-SLT", "LRR", "FT"])
    for places in found.values():
      self.assertEqual(places[0], table_columns.Place("dense", 0.0))

  def test_slt_mp_is_slt_up_to_the_switch_then_mp(self):
    found = rows(table_columns.assign(about(DENSE, *SLT, *SLT_MP)))
    self.assertEqual(
      found["SLT-MP"],
      [
        ("0", "dense", ""),
        ("50", "slt-50", "†"),
        ("60", "slt-50-60", "†"),
        ("80", "slt-50-60-mp-80", "‡"),
        ("90", "slt-50-60-mp-90", "‡"),
      ],
    )

  def test_mp_slt_is_mp_up_to_the_switch_then_slt(self):
    found = rows(table_columns.assign(about(DENSE, *MP, *MP_SLT)))
    self.assertEqual(
      [run for _, run, _ in found["MP-SLT"]], ["dense", "mp-50", "mp-60", "mp-60-slt-80", "mp-60-slt-80-90"]
    )
    self.assertEqual([run for _, run, _ in found["MP"]], ["dense", "mp-50", "mp-60", "mp-80", "mp-90"])

  def test_steps_in_all_are_those_of_the_chain(self):
    found = about(DENSE, *SLT, *SLT_MP, *MP)
    for what in found.values():
      what["train_steps"] = 2000
    for name, runs in (("dense", 1), ("mp-90", 1), ("slt-50-80-90", 4), ("slt-50-60-mp-90", 4)):
      self.assertEqual(table_columns.steps_in_all(name, found), 2000 * runs, name)
    # Its mask is drawn from the initial weights.
    found["snip-50"] = {"method": "lt", "sparsity_asked": 0.5, "mask_from": "dense@0", "train_steps": 2000}
    self.assertEqual(table_columns.steps_in_all("snip-50", found), 2000)
    del found["dense"]
    self.assertIsNone(table_columns.steps_in_all("slt-50-80", found))

  def with_steps(self, *runs):
    found = about(*runs)
    for name, what in found.items():
      longer = re.search(r"steps_(\d+)", name)
      what["train_steps"] = int(longer[1]) if longer else 2000
    return found

  def test_at_equal_training_each_run_has_had_the_steps_of_slt(self):
    slt = [
      *SLT[:1],
      SLT_MP[0],
      ("slt-50-60-80", "slt", 80, "slt-50-60"),
      ("slt-50-60-80-90", "slt", 90, "slt-50-60-80"),
    ]
    # Its steps are not SLT's: another chain's.
    other = ("mp+steps_12000-80", "mp", 80, None)
    described = self.with_steps(DENSE, *slt, *SLT_MP[1:], *MP, *LONGER, other)
    found = table_columns.assign(described)
    self.assertEqual(list(found), ["MP", "SLT", "SLT-MP", "MP (equal training)", "SLT-MP (equal training)"])
    self.assertEqual(
      rows({"": found["MP (equal training)"]})[""],
      [("0", "dense", ""), *((f"{level}", run, "") for run, _, level, _ in LONGER[:4])],
    )
    self.assertEqual(
      rows({"": found["SLT-MP (equal training)"]})[""],
      [
        *(("0", "dense", ""), ("50", "slt-50", "†"), ("60", "slt-50-60", "†")),
        # At the first level above the switch, the usual run has had as many.
        *(("80", "slt-50-60-mp-80", "‡"), ("90", "slt-50-60-mp+steps_4000-90", "‡")),
      ],
    )
    for title, places in found.items():
      for place in places[1:] if "equal" in title else ():
        (of_slt,) = [one for one in found["SLT"] if one.level == place.level]
        self.assertEqual(*(table_columns.steps_in_all(one.run, described) for one in (place, of_slt)), place.run)
    self.assertEqual(
      table_columns.relatives(described, found),
      [table_columns.Relative("mp+steps_12000-80", 0.8, "steps 12000", "mp-80")],
    )

  def test_without_slt_nothing_says_which_training_is_equal(self):
    found = table_columns.assign(self.with_steps(DENSE, *MP, *LONGER[:4]))
    self.assertEqual(list(found), ["MP"])

  def test_chooses_the_run_on_the_longest_chain(self):
    for other in ("slt-60-80", "slt-40-80"):
      runs = [DENSE, *SLT, (other[:6], "slt", int(other[4:6]), "dense"), (other, "slt", 80, other[:6])]
      for order in (runs, runs[::-1]):
        found = table_columns.assign(about(*order))
        self.assertIn(table_columns.Place("slt-50-80", 0.8), found["SLT"])
        # At a level without a run of the longest chain, the column has the other chain's.
        self.assertIn(table_columns.Place(other[:6], int(other[4:6]) / 100), found["SLT"])

  def test_chains_of_other_levels_are_named(self):
    """The longest of one method alone, as of a driver's 12 levels next to a sweep's two."""
    both = [DENSE, ("lt-50", "lt", 50, "dense"), ("lt-50-80", "lt", 80, "lt-50"), *SLT, *MP, *SLT_MP]
    longer = [
      ("slt-10", "slt", 10, "dense"),
      ("slt-10-50", "slt", 50, "slt-10"),
      ("slt-10-50-80", "slt", 80, "slt-10-50"),
    ]
    longer.append(("slt-10-50-80-90", "slt", 90, "slt-10-50-80"))
    for more, expected in (
      ((), []),
      (
        longer,
        [
          "At 50%, the levels are 50 of LT and 10-50 of SLT: more than the method differs.",
          "At 80%, the levels are 50-80 of LT and 10-50-80 of SLT: more than the method differs.",
        ],
      ),
    ):
      what = about(*both, *more)
      placed = {title: places for title, places in table_columns.assign(what).items() if title in ("MP", "LT", "SLT")}
      self.assertEqual(table_columns.unlike_chains(placed, what), expected)

  def test_mp_runs_from_a_chain_do_not_lengthen_it(self):
    runs = [("slt-60", "slt", 60, "dense"), *((f"slt-60-mp-{n}", "slt_mp", n, "slt-60") for n in (70, 80, 90))]
    runs += [("slt-50", "slt", 50, "dense"), ("slt-50-60", "slt", 60, "slt-50")]
    found = table_columns.assign(about(DENSE, *runs))
    self.assertIn(table_columns.Place("slt-50-60", 0.6), found["SLT"])
    self.assertIn(table_columns.Place("slt-60", 0.6, "†"), found["SLT-MP"])

  def test_of_several_switches_the_columns_have_the_papers(self):
    other = [("slt-50-mp-60", "slt_mp", 60, "slt-50"), *((f"slt-50-mp-{n}", "slt_mp", n, "slt-50") for n in (80, 90))]
    other += [(f"mp-50-slt-{n}", "mp_slt", n, "mp-50") for n in (60, 80, 90)]
    described = about(DENSE, *SLT, *SLT_MP, *other, *MP, *MP_SLT)
    found = table_columns.assign(described)
    self.assertEqual([place.run for place in found["SLT-MP"]][3:], ["slt-50-60-mp-80", "slt-50-60-mp-90"])
    self.assertEqual([place.run for place in found["MP-SLT"]][2:], ["mp-60", "mp-60-slt-80", "mp-60-slt-80-90"])
    self.assertEqual(table_columns.switch_levels(described, found), {"SLT-MP": 0.6, "MP-SLT": 0.6})
    # Without it, those with the most levels.
    described = about(DENSE, *SLT, *other, *MP, ("mp-80-slt-90", "mp_slt", 90, "mp-80"))
    found = table_columns.assign(described)
    self.assertEqual(found["SLT-MP"][-1].run, "slt-50-mp-90")
    self.assertEqual(table_columns.switch_levels(described, found), {"SLT-MP": 0.5, "MP-SLT": 0.5})

  def test_a_longer_run_of_another_switch_varies_that_of_its_own(self):
    other = [("slt-50-mp-80", "slt_mp", 80, "slt-50"), ("slt-50-mp+steps_4000-80", "slt_mp", 80, "slt-50")]
    described = self.with_steps(DENSE, *SLT, *SLT_MP, *other)
    varied = {one.run: one.varied for one in table_columns.relatives(described, table_columns.assign(described))}
    self.assertEqual(varied["slt-50-mp+steps_4000-80"], "slt-50-mp-80")

  def test_slt_mp_follows_one_switch(self):
    other = [("slt-50-mp-80", "slt_mp", 80, "slt-50")]
    described = about(DENSE, *SLT, *SLT_MP, *other)
    found = table_columns.assign(described)
    self.assertIn(table_columns.Place("slt-50-60-mp-80", 0.8, "‡"), found["SLT-MP"])
    self.assertEqual(
      table_columns.relatives(described, found),
      [table_columns.Relative("slt-50-mp-80", 0.8, "another chain", "slt-50-60-mp-80")],
    )

  def test_controls_and_relatives_vary_a_run_in_a_column(self):
    described = about(
      DENSE,
      *SLT,
      ("lt-50", "lt", 50, "dense"),
      ("slt-50-80+random_signs", "slt", 80, "slt-50", "random_signs"),
      ("slt-50-80+random_signs+constant_values", "slt", 80, "slt-50", "random_signs", "constant_values"),
      ("slt+rewind_dense-50", "slt", 50, "dense"),
      ("slt+global_magnitude+rewind_dense-50-80", "slt", 80, "slt-50", "global_magnitude"),
      ("slt+schedule_from_t+rewind_dense-50", "slt", 50, "dense"),
      ("slt-50+data_seed_7", "slt", 50, "dense"),
      ("dense+data_seed_7", "dense", 0, None),
      ("snip-50", "lt", 50, "dense", "snip"),
      ("snip+dense_embedding-50", "lt", 50, "dense", "snip", "dense_embedding"),
      ("supermask-98", "lt", 98, "dense", "supermask"),
      ("units-50", "slt", 50, "dense", "units"),
      ("units-50+bad_mask", "slt", 50, "dense", "units", "bad_mask"),
      ("slt+units_50-80", "slt", 80, "units-50"),
      ("slt+units_50-80+random_signs", "slt", 80, "units-50", "random_signs"),
    )
    found = table_columns.assign(described)
    self.assertEqual(
      [[place.run for place in found[title]] for title in ("LT", "SNIP", "Supermask")],
      [["dense", "lt-50"], ["dense", "snip-50"], ["dense", "supermask-98"]],
    )
    self.assertEqual([place.run for place in found["SLT"]], ["dense", "slt-50", "slt-50-80", "slt-50-80-90"])
    self.assertCountEqual(
      table_columns.relatives(described, found),
      [
        table_columns.Relative("slt+rewind_dense-50", 0.5, "rewind dense", "slt-50"),
        table_columns.Relative("slt-50-80+random_signs", 0.8, "random signs", "slt-50-80"),
        table_columns.Relative(
          "slt-50-80+random_signs+constant_values", 0.8, "random signs, constant values", "slt-50-80"
        ),
        table_columns.Relative(
          "slt+global_magnitude+rewind_dense-50-80", 0.8, "global magnitude, rewind dense", "slt-50-80"
        ),
        table_columns.Relative("slt-50+data_seed_7", 0.5, "data seed 7", "slt-50"),
        table_columns.Relative("dense+data_seed_7", 0.0, "data seed 7", "dense"),
        table_columns.Relative("slt+schedule_from_t+rewind_dense-50", 0.5, "schedule from t, rewind dense", "slt-50"),
        table_columns.Relative("snip+dense_embedding-50", 0.5, "snip, dense embedding", "snip-50"),
        # Not compared with slt-50, which has lost half of its weights.
        table_columns.Relative("units-50", 0.5, "50% of the feed-forward units, units", None, of_structures=True),
        # But a bad one with a good one, and a control with the ticket that it changes.
        table_columns.Relative(
          "units-50+bad_mask", 0.5, "50% of the feed-forward units, units, bad mask", "units-50", of_structures=True
        ),
        table_columns.Relative("slt+units_50-80", 0.8, "units 50", "slt-50-80"),
        table_columns.Relative("slt+units_50-80+random_signs", 0.8, "random signs, units 50", "slt+units_50-80"),
      ],
    )

  def test_parents_may_be_missing(self):
    found = rows(table_columns.assign(about(("slt-50-60-mp-80", "slt_mp", 80, "slt-50-60"), *MP_SLT)))
    self.assertEqual(found["SLT-MP"], [("80", "slt-50-60-mp-80", "‡")])
    self.assertEqual([level for level, _, _ in found["MP-SLT"]], ["80", "90"])

  def test_column_of_only_a_dense_run(self):
    self.assertEqual(table_columns.assign(about(DENSE)), {"dense": [table_columns.Place("dense", 0.0)]})
    self.assertEqual(table_columns.assign({}), {})


class MatchingTest(tf.test.TestCase):
  """Chen et al. (2020): a ticket matches if it is within one standard deviation of the dense model over seeds."""

  def entries(self, scores, metric="accuracy"):
    """Name of a run -> its figure; scores: name -> score of each seed."""
    runs = {}
    for name, values in scores.items():
      level = float(name.partition("-")[2] or 0) / 100
      method = "lt" if level else "dense"
      found = {"run": name, "method": method, "sparsity_asked": level, "pretrained": "0" * 16}
      runs[name] = [
        studies.Run("/none", {**found, "seed": seed}, {**found, "test": {metric: value}})
        for seed, value in enumerate(values)
      ]
    placed = table_columns.assign({name: ones[0].about for name, ones in runs.items()})
    study = studies.Study("glue_rte", "bert_tiny", runs, [0, 1, 2])
    made = aggregates.Entries(study, samples=10).columns(placed)
    self.assertEqual({entry.column for entry in made}, {"IMP"})
    return {entry.place.run: entry.figures[metric] for entry in made}

  def test_a_ticket_matches_from_the_dense_mean_less_its_standard_deviation(self):
    # Mean 62, standard deviation of a sample 2.
    scores = {"dense": [60.0, 64.0, 62.0], "imp-40": [59.0, 60.0, 61.5], "imp-50": [59.0, 60.0, 60.5], "imp-60": [70.0]}
    found = self.entries(scores)
    self.assertEqual(
      {name: figure.matching for name, figure in found.items()},
      {"dense": False, "imp-40": True, "imp-50": False, "imp-60": True},
    )

  def test_one_seed_of_the_dense_model_and_translations_define_no_match(self):
    self.assertFalse(self.entries({"dense": [60.0], "imp-40": [70.0]})["imp-40"].matching)
    self.assertFalse(self.entries({"dense": [20.0, 21.0], "imp-40": [30.0]}, metric="bleu")["imp-40"].matching)


if __name__ == "__main__":
  tf.test.main()
