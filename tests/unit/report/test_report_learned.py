"""Intervals and agreement on the report page, from a record that is not to be trusted."""

from __future__ import annotations

import pytest

from btfsynth.report.folder import interval_text, recorded_agreement

SCORE = {"bits_interval": [0.9, 0.95], "vectors_interval": [0.5, 1]}


def test_intervals():
    """Bits count, or labels where there are classes; what is no interval is left out."""
    build = {"accuracy": {"test": SCORE, "valid": {"bits_interval": None}}}
    assert interval_text(build, "test") == "95% confidence: 90.00% to 95.00%"
    assert interval_text({**build, "n_classes": 3}, "test") == "95% confidence: 50.00% to 100%"
    assert interval_text(build, "valid") == interval_text({}, "test") == ""


@pytest.mark.parametrize("limits", [[0.9], [0.9, 0.8], [-1, 0.5], ["0", 1], [0.5, 7], "01"])
def test_odd_intervals(limits):
    assert interval_text({"accuracy": {"test": {"bits_interval": limits}}}, "test") == ""


def test_agreement():
    """Outputs of other learners and odd values do not count; the least sure ones are named."""
    sure = [1, 0.5, None, 0.75, 2, "1"]
    outputs = [{"name": f"y[{place}]", "confidence": each} for place, each in enumerate(sure)]
    words = "outputs on which probable circuits agree"
    assert recorded_agreement({"outputs": outputs}) == (
        "1 of 3",
        f"{words}; lowest: y[1] 50.00%, y[3] 75.00%",
    )
    assert recorded_agreement({"outputs": outputs[:1]}) == ("1 of 1", words)
    many = [{"name": f"{place:02}", "confidence": 0} for place in range(20)]
    assert recorded_agreement({"outputs": many})[1].endswith("07 0.00% and 12 more")
    assert recorded_agreement({"outputs": outputs[2:3]}) is None
