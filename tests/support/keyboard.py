"""Hands that never leave the keyboard.

keyboard = Keyboard(page)
keyboard.write(page.get_by_label("Objective"), "Teach the greeter French.")
"""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

FAR = 150
"""More stops than any page has."""


@dataclass(frozen=True)
class Keyboard:
    """Goes from field to field as a person does who uses no mouse."""

    page: Page

    def reach(self, target: Locator) -> None:
        """Goes on by Tab until the target has the focus; it fails where Tab does not lead to it."""
        expect(target).to_be_visible()
        for _ in range(FAR):
            if target.evaluate("one => one === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"no Tab leads to {target}")

    def press(self, target: Locator, key: str = "Enter") -> None:
        """Presses a key on it."""
        self.reach(target)
        self.page.keyboard.press(key)

    def choose(self, target: Locator, value: str) -> None:
        """Goes down the choices of a list to one: letters would have to come within a second."""
        self.reach(target)
        self.page.keyboard.press("Home")
        for _ in range(FAR):
            if target.input_value() == value:
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"there is no {value} in {target}")

    def write(self, target: Locator, text: str) -> None:
        """Types into it, over what there is."""
        self.reach(target)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)
