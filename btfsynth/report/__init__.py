"""One page that shows a design: training, weights, circuit, checks."""

from btfsynth.report.page import report_page, write_report

__all__ = ["report_page", "write_report"]
