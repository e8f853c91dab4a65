"""Tests of assess.py that need no model: assess_test.py"""

import unittest

import assess


def miner(quality, checks=5):
    return {"quality": quality, "checks": checks, "period": 1.0, "weight": 0.2}


class Verdict(unittest.TestCase):
    done = {"scored_period": 2}

    def test_honesty_pays(self):
        self.assertEqual(assess.verdict(self.done, {"honest-1": miner(0.99), "honest-2": miner(0.95), "truncate": miner(0.2)}), [])

    def complaint(self, report, miners):
        (line,) = assess.verdict(report, miners)
        return line

    def test_low_honest_quality(self):
        self.assertIn("honest-2: mean quality", self.complaint(self.done, {"honest-1": miner(0.99), "honest-2": miner(0.9), "truncate": miner(0.2)}))

    def test_cheat_not_below_the_worst_honest(self):
        self.assertIn("truncate: mean quality", self.complaint(self.done, {"honest-1": miner(0.99), "honest-2": miner(0.95), "truncate": miner(0.95)}))

    def test_no_cheat(self):
        self.assertIn("and a cheat", self.complaint(self.done, {"honest-1": miner(0.99), "honest-2": miner(0.95)}))

    def test_too_few_checks(self):
        miners = {"honest-1": miner(0.99), "honest-2": miner(0.95, 2), "truncate": miner(0.2)}
        self.assertIn("2 answers were checked", self.complaint(self.done, miners))
        self.assertFalse(assess.enough(self.done, miners))

    def test_too_few_periods(self):
        miners = {"honest-1": miner(0.99), "honest-2": miner(0.95), "truncate": miner(0.2)}
        self.assertIn("1 periods", self.complaint({"scored_period": 1}, miners))
        self.assertFalse(assess.enough({"scored_period": 1}, miners))
        self.assertTrue(assess.enough(self.done, miners))

    def test_the_checks_of_a_convicted_miner_count(self):
        self.assertEqual(assess.checked({"quality": {"checks": 0}, "judgement": {"checked": 20}}), 20)
        self.assertEqual(assess.checked({"quality": {"checks": 3}}), 3)


if __name__ == "__main__":
    unittest.main()
