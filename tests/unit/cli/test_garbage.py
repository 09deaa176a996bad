"""Garbage is collected rarely while a command runs, and not at all when the process ends with it."""

from __future__ import annotations

import gc

import pytest

from btfsynth.cli.main import _rare_collection, main


def test_a_command_leaves_the_collector_as_it_was():
    before = gc.get_threshold(), gc.get_freeze_count()
    with pytest.raises(SystemExit):
        main(["--version"])
    assert (gc.get_threshold(), gc.get_freeze_count()) == before


def test_what_lives_at_the_end_of_the_process_is_not_searched():
    before = gc.get_threshold()
    try:
        with _rare_collection(last=True):
            assert gc.get_threshold() > before
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()
    assert gc.get_threshold() == before
