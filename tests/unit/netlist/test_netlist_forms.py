"""The forms of three-input functions against their tables, and cuts against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from btfsynth.netlist.functions import small_forms


def evaluate(cells, output):
    """The table of a form, by hand."""
    tables = [0x00, 0xAA, 0xCC, 0xF0]
    for a, b, c in cells:
        x, y, z = (tables[lit >> 1] ^ (0xFF * (lit & 1)) for lit in (a, b, c))
        tables.append((x & y) | (x & z) | (y & z))
    return tables[output >> 1] ^ (0xFF * (output & 1))


def test_every_form_has_its_table():
    """All forms of all 256 functions."""
    forms = small_forms()
    for table in range(256):
        assert forms.start[table] < forms.start[table + 1]
        for form in range(forms.start[table], forms.start[table + 1]):
            cells = forms.cells[form][: forms.sizes[table]].tolist()
            assert evaluate(cells, int(forms.outputs[form])) == table


@pytest.mark.parametrize(
    ("table", "size"), [(0x00, 0), (0xAA, 0), (0x88, 1), (0xE8, 1), (0x66, 3), (0x96, 3), (0x81, 4)]
)
def test_known_sizes(table, size):
    """Constant, literal, AND, majority, exclusive ors of two and three, equality of three."""
    assert small_forms().sizes[table] == size


def test_no_function_needs_more_than_four_cells():
    """As is known of majority-inverter graphs of three inputs."""
    assert np.bincount(small_forms().sizes).tolist() == [8, 32, 64, 56, 96]
