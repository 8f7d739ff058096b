"""The figures of ``docs/explanation/corrected-counts-simulation.md``, measured again at full size (``make prove``)."""

import pytest
from bench.quantification import SEPARATIONS, simulate
from bench.quantification_page import within


@pytest.mark.prove
def test_intervals_hold_the_truth_in_90_to_98_of_100_and_an_unknown_class_withholds_counts():
    results = simulate(500, 100, 400)
    for scenario, scores in results.corrected.items():
        if scenario.main:
            assert within(scores["PACC"].coverage), (scenario.per_class, scores["PACC"].coverage)
            # Raw counts lose a tenth of the most common class, and give it to the rare ones.
            assert scores["raw"].bias[0] < -20
            assert scores["raw"].coverage[0] < 0.6
            if scenario.per_class == 20:
                assert scores["exact"].coverage.mean() < 0.8
    for checked, scores in results.audits.items():
        for name, score in scores.items():
            assert within(score.coverage, low=0.88), (checked, name, score.coverage)
    assert results.unknown[SEPARATIONS[0], 0.2].withheld >= 0.97
    assert results.unknown[SEPARATIONS[0], 0.0].withheld <= 0.03
