"""Slots are held by workspaces, each at most one."""

import pytest

from pawl.wire.errors import ResourceExhausted
from services.runner.slots import Slots
from services.runner.values import WorkspaceId

ONE, TWO = WorkspaceId("a/1"), WorkspaceId("b/1")


def test_a_workspace_holds_one_slot_however_often_it_asks() -> None:
    slots = Slots(2)

    slots.take(ONE)
    slots.take(ONE)

    assert (slots.free, slots.held) == (1, [ONE])


def test_the_last_slot_is_the_last() -> None:
    slots = Slots(1, [ONE])

    with pytest.raises(ResourceExhausted) as refusal:
        slots.take(TWO)

    assert refusal.value.reason == "NO_FREE_SLOT"
    slots.give_back(ONE)
    slots.take(TWO)


def test_a_setting_that_shrank_leaves_no_negative_room() -> None:
    assert Slots(1, [ONE, TWO]).free == 0
