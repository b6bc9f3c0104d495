"""Windows of labelled widgets: where is the named one, and is it there."""

from datasets_builders.gui.builder import build_gui, gui_examples
from datasets_builders.gui.config import GuiConfig

__all__ = ["GuiConfig", "build_gui", "gui_examples"]
