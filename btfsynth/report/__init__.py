"""One page that shows a design: training, weights, circuit, checks."""

from btfsynth.report.page import PAGE_FILE, report_page, write_report

__all__ = ["PAGE_FILE", "report_page", "write_report"]
