"""Which ways fit a budget, held against sizes of a closed form."""

from itertools import pairwise

import pytest

from tfcompress.errors import SettingError
from tfcompress.search.device_budget import DeviceBudget, Footprint
from tfcompress.search.recipe import Recipe
from tfcompress.search.ways import MACS, Ways

BITS = {"int8": 8, "int8x4": 4, "int16x8": 8}


def measure(recipe):
    """A file of 8,000 bytes whose weights shrink with bits, zeros and channels; a tenth always stays."""
    share = (recipe.macs or 1) * BITS[recipe.quantization] / 8 * (1 - 0.8 * (recipe.sparsity or 0))
    return Footprint(int(8_000 * (0.1 + 0.9 * share)), int(1_000 * (recipe.macs or 1)))


def fitting(budget, packs=True, measure=measure):
    return Ways(measure, budget, packs, 1_000, lambda recipe, limit: f"{limit} is in the way").fitting()


def test_what_fits_fits_and_nothing_gentler_does():
    budget = DeviceBudget(flash=4_000)
    for way in fitting(budget):
        assert way.footprint.flash <= 4_000 * way.level
        gentler = [one for one, next_one in pairwise(MACS) if next_one == way.recipe.macs]
        for macs in gentler:
            one = Recipe(way.recipe.quantization, macs=macs, sparsity=way.recipe.sparsity, clusters=way.recipe.clusters)
            assert measure(one).flash > 4_000 * way.level


def test_what_fits_as_it_is_is_not_changed():
    whole = [way.recipe for way in fitting(DeviceBudget(flash=9_000)) if way.level == 1.0]
    assert whole == [Recipe("int8"), Recipe("int16x8")]


def test_no_way_changes_more_than_another_that_fits():
    ways = [way.recipe for way in fitting(DeviceBudget(flash=4_500)) if way.level == 1.0]
    assert Recipe("int8x4", flash=4_500) in ways
    zeros = sorted(recipe.sparsity for recipe in ways if recipe.sparsity and not recipe.macs)
    assert len(zeros) <= 1


def test_files_are_packed_only_where_the_target_unpacks_them():
    assert not any(way.recipe.packed for way in fitting(DeviceBudget("cpu", flash=3_000), packs=False))


def test_a_budget_out_of_reach_says_how_far_it_goes():
    with pytest.raises(
        SettingError, match=r"flash=100; the least found is flash=\d[\d,]*, with int8x4, 20% of MACs: flash is in"
    ):
        fitting(DeviceBudget(flash=100), packs=False)


def test_without_a_limit_of_flash_a_file_may_be_larger_than_int8():
    def padded(recipe):
        return Footprint(9_000 if recipe.macs else 8_000, int(1_000 * (recipe.macs or 1)))

    ways = fitting(DeviceBudget("cpu", macs=0.5), packs=False, measure=padded)
    assert [way.recipe for way in ways] == [Recipe("int8", macs=0.5)]


def test_channels_that_cannot_go_are_left_out():
    def stiff(recipe):
        return None if recipe.macs is not None and recipe.macs < 0.5 else measure(recipe)

    assert all((way.recipe.macs or 1) >= 0.5 for way in fitting(DeviceBudget(flash=4_000), measure=stiff))


def test_each_file_is_measured_once():
    asked = []
    fitting(DeviceBudget(flash=4_000), measure=lambda recipe: asked.append(recipe) or measure(recipe))
    assert len(asked) == len(set(asked))
