"""Tests of the conversion from scores to a recording, without a model: record_test.py"""

import pathlib
import tempfile
import unittest

import numpy as np

import collect
import edits
import models
import record
from classes import CLASSES, Class
from engine import Job, Stack, draw

END = 2


def scores(ids, temperature=0.0, seed=1):
    """What the reference says of an answer, its logits drawn at random."""
    logits = np.random.default_rng(seed).normal(0, 3, (len(ids), 500)).astype(np.float32)
    a = collect.describe(logits, ids, END, temperature)
    return logits, a | {"prompt": 7, "prompt_tokens": 5, "most": 10, "miner": np.full(len(ids), -0.5, np.float32)}


def softmax(row):
    shares = np.exp(row.astype(np.float64) - row.max())
    return shares / shares.sum()


class Describe(unittest.TestCase):
    def test_columns_are_what_they_say(self):
        logits, a = scores([17, 3, 499, END], temperature=0.5)
        for i, row in enumerate(logits):
            p, token = softmax(row), a["token"][i]
            self.assertAlmostEqual(a["logprob"][i], np.log(p[token]), 4)
            order = np.argsort(-row)
            self.assertEqual(list(a["top_tokens"][i]), list(order[: collect.TOP]))
            self.assertEqual(a["rank"][i], list(order).index(token) + 1)
            self.assertAlmostEqual(a["gap"][i], row[order[0]] - row[order[1]], 4)
            self.assertAlmostEqual(a["deficit"][i], row[order[0]] - row[token], 4)
            self.assertAlmostEqual(a["entropy"][i], -(p * np.log(p)).sum(), 3)
            self.assertAlmostEqual(a["variance"][i], (p * np.log(p) ** 2).sum() - (p * np.log(p)).sum() ** 2, 2)
            self.assertAlmostEqual(a["end_asked"][i], np.log(softmax(row / 0.5)[END]), 3)

    def test_files_keep_answers_apart(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "x.000.npz"
            parts = [scores([5, 6, END], seed=2)[1], scores([9], seed=3)[1]]
            collect.save(path, parts)
            read = list(record.answers(path))
        self.assertEqual([list(a["token"]) for a in read], [[5, 6, END], [9]])
        self.assertEqual(read[1]["most"], 10)
        np.testing.assert_array_equal(read[0]["top_logprobs"], parts[0]["top_logprobs"])


class Response(unittest.TestCase):
    def test_prompts_are_for_calibration_or_the_test_but_not_both(self):
        for name, number, want in (("q4", 1000, "calibration"), ("q4", 1030, "test"), ("tuned", 1000, ""), ("tuned", 1030, "test"),
                                   ("honest-bf16-batch16", 999, "calibration"), ("honest-bf16-batch32-flash", 1029, ""), ("q4-t1", 1000, "test")):
            self.assertEqual(record.part(name, number), want)

    def test_of_a_cheat(self):
        c = Class("q4", Stack(batch=16, flash=True), 1, temperature=1.0)
        _, a = scores([17, END], temperature=1.0)
        r = record.response(c, "q4-t1", a, END)
        self.assertEqual((r["label"], r["finish"], r["stack"], r["max_tokens"]), ("4 bits", "stop", "q4, batch 16, flash attention", 10))
        first, last = r["positions"]
        self.assertNotIn("ends", first)
        self.assertTrue(last["ends"])
        self.assertEqual(first["top"][0]["token"], int(a["top_tokens"][0][0]))

    def test_temperature_0_lists_no_others(self):
        _, a = scores([17, 4])
        r = record.response(CLASSES["honest-f16-batch8"], "honest-f16-batch8", a, END)
        self.assertEqual((r["label"], r["finish"], r["stack"], r["prompt"]), ("honest", "length", "f16, batch 8", "calibration/7"))
        self.assertNotIn("top", r["positions"][0])
        self.assertNotIn("has_end", r["positions"][0])

    def test_truncated_answers_end_where_the_reference_would_not(self):
        logits, a = scores([17, 4, 9, 11])
        cut = record.truncated(a, 0.5, END)
        self.assertEqual(list(cut["token"]), [17, END])
        self.assertAlmostEqual(cut["deficit"][1], logits[1].max() - logits[1][END], 4)
        self.assertEqual(len(a["token"]), 4)
        self.assertEqual(a["token"][1], 4)

    def test_edits_say_so_and_tell_nothing(self):
        _, a = scores([17, END])
        r = record.response(CLASSES["padded"], "padded", a | {"prompt": 1030}, END)
        self.assertEqual((r["label"], r["prompt"]), ("padded by 20%", "test/1030"))
        self.assertNotIn("claimed", r["positions"][0])
        self.assertEqual(record.part("padded", 1029), "")

    def test_who_tells_shows_what_it_tells(self):
        _, a = scores([17, 4])
        r = record.response(CLASSES["q4"], "q4", a | {"prompt": 1030, "miner": np.array([-1.0, -2.0])}, END)
        self.assertTrue(r["hidden"])
        self.assertEqual([p["claimed"] for p in r["positions"]], [-1, -2])
        shown = record.told(r, "4 bits, prefill attack", [p["logprob"] for p in r["positions"]])
        self.assertFalse(shown["hidden"])
        self.assertEqual([p["claimed"] for p in shown["positions"]], [p["logprob"] for p in r["positions"]])
        self.assertEqual(r["positions"][0]["claimed"], -1)

    def test_a_cheat_now_and_then_is_honest_else(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            (path / "scores").mkdir()
            for name, token in zip(record.MIXED_OF, (5, 9)):
                collect.save(path / "scores" / f"{name}.000.npz", [scores([token])[1] | {"prompt": 1000 + i} for i in range(330)])
            made = [r for r in record.mixed(path, END) if r["label"] == "30% by 2 bits"]
        self.assertEqual(len(made), 300)
        cheats = sum(r["positions"][0]["token"] == 9 for r in made)
        self.assertTrue(60 < cheats < 120, cheats)


class Edits(unittest.TestCase):
    def test_padding_is_a_fifth_more_and_ends(self):
        written = edits.Written(list(range(10, 20)) + [END], 96)
        self.assertEqual(edits.padded(written, [], 0, END), list(range(10, 20)) + [18, 19, END])
        most = edits.padded(edits.Written(list(range(10, 106)), 96), [], 0, END)
        self.assertLessEqual(len(most), 96)

    def test_a_cache_answers_with_its_own(self):
        answers = [edits.Written([5] * 9, 9), edits.Written([6, 7, END], 9), edits.Written([8] * 9, 9), edits.Written([9] * 4, 4)]
        self.assertEqual(edits.edited("cached reply", answers, END), [[5] * 9, [8] * 9, [5] * 9, [8] * 4])


class Sampling(unittest.TestCase):
    def job(self, **more):
        return Job("", [], 1, **{"temperature": 1.0, **more})

    def test_draws_have_the_right_shares(self):
        logits, chance = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32)), np.random.default_rng(1)
        for job, want in ((self.job(), [0.5, 0.3, 0.15, 0.05]), (self.job(top_p=0.75), [0.625, 0.375, 0, 0]), (self.job(temperature=0), [1, 0, 0, 0])):
            drawn = np.bincount([draw(logits, job, chance) for _ in range(4000)], minlength=4) / 4000
            np.testing.assert_allclose(drawn, want, atol=0.03)


class Levels(unittest.TestCase):
    def test_fewer_bits_lose_more(self):
        values = np.random.default_rng(1).normal(0, 0.1, (64, 576)).astype(np.float32)
        lost = [np.square(models.quantised(values, models.LEVELS[name]) - values).mean() for name in ("q8", "q6", "q5", "q4", "q3", "q2")]
        self.assertEqual(lost, sorted(lost))
        self.assertLess(lost[0], 1e-6)
        self.assertLess(lost[-1], 0.01 * 0.3)


if __name__ == "__main__":
    unittest.main()
