"""A chain of checks as JUnit XML, which continuous integration shows as tests."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from btfsynth.verify.links import LinkResult, Verification

__all__ = ["junit_xml"]

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def junit_xml(verification: Verification) -> str:
    """Return one test suite with one test case a link; it holds no date."""
    links = verification.links
    seconds = sum(link.seconds for link in links)
    totals = {
        "tests": str(len(links)),
        "failures": str(len(verification.failed)),
        "errors": "0",
        "skipped": str(sum(link.result is LinkResult.SKIPPED for link in links)),
        "time": f"{seconds:.3f}",
    }
    name = f"btfsynth verify {_clean(verification.module)}"
    root = ET.Element("testsuites", {"name": name, **totals})
    suite = ET.SubElement(root, "testsuite", {"name": name, **totals})
    for link in links:
        case = ET.SubElement(
            suite,
            "testcase",
            {
                "classname": _clean(f"btfsynth.{verification.module}"),
                "name": _clean(link.name),
                "time": f"{link.seconds:.3f}",
            },
        )
        if link.result is LinkResult.FAILED:
            failure = ET.SubElement(case, "failure", {"message": _clean(link.failure)})
            failure.text = _clean("\n".join(f"{k}: {v}" for k, v in link.counterexample.items()))
        elif link.result is LinkResult.SKIPPED:
            ET.SubElement(case, "skipped", {"message": _clean(link.detail)})
        else:
            covered = " ".join(part for part in (link.covers, link.detail) if part)
            ET.SubElement(case, "system-out").text = _clean(covered)
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _clean(text: str) -> str:
    return _NOT_XML.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
