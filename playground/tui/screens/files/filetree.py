"""A tree of folders and files to choose from."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DirectoryTree
from textual.widgets.directory_tree import DirEntry
from textual.widgets.tree import TreeNode

from playground.fence import shows
from playground.tui.widgets.text import visible
from playground.widths import cell_len

MOST = 5_000
"""The most entries that are listed of a folder; a typed path reaches the others."""


class FileTree(DirectoryTree):
    """Folders and regular files. A name is shown in visible characters, whatever it holds."""

    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "
    ICON_FILE = "  "
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("full_stop", "toggle_hidden", "hidden files", key_display=".", id="files.hidden",
                tooltip="Show or hide files whose names begin with a dot"),
        Binding("backspace", "parent", "folder above", id="files.parent",
                tooltip="Go to the folder above"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    FileTree {
        background: transparent;
        scrollbar-size: 1 1;
        overflow-x: hidden;
        padding: 0;
        &:focus { background-tint: transparent; }
        & > .directory-tree--folder { text-style: none; }
        & > .directory-tree--extension { text-style: none; }
        & > .directory-tree--hidden { color: $text-muted; }
        & > .tree--guides { color: $foreground 20%; }
        & > .tree--cursor { background: transparent; color: $foreground; text-style: none; }
        &:focus > .tree--cursor { background: $primary 25%; text-style: none; }
        &:nocolor:focus > .tree--cursor { text-style: bold underline; }
        &:ansi > .tree--cursor { text-style: bold; background: ansi_default; }
        &:ansi:focus > .tree--cursor { text-style: bold underline; }
    }
    """

    def __init__(self, path: Path, *, id: str | None = None) -> None:
        self._hidden = False
        super().__init__(path, id=id)
        self.guide_depth = 2
        self.show_guides = False

    def process_label(self, label: str | Text) -> Text:
        return Text(visible(label if isinstance(label, str) else label.plain), no_wrap=True)

    def render_label(self, node: TreeNode[DirEntry], base_style: Style, style: Style) -> Text:
        depth = 0
        above = node.parent
        while above is not None:
            depth, above = depth + 1, above.parent
        room = max(
            8, self.size.width - self.guide_depth * depth - bool(self.show_vertical_scrollbar)
        )
        if node is not self.root or node.data is None:
            label = super().render_label(node, base_style, style)
            label.truncate(room, overflow="ellipsis")
            return label
        prefix = self.ICON_NODE_EXPANDED if node.is_expanded else self.ICON_NODE
        folder = visible(str(node.data.path.absolute()))  # the root shows its whole path
        room -= len(prefix)
        while cell_len(folder) > room:  # its end tells more than its beginning
            folder = f"…{folder.removeprefix('…')[1:]}"
        return Text.assemble((prefix, base_style + Style(meta={"toggle": True})), (folder, style))

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        wanted = (path for path in paths if self._wanted(path))
        return islice(wanted, MOST)

    def _wanted(self, path: Path) -> bool:
        if path.name.startswith(".") and not self._hidden:
            return False
        try:
            mode = path.stat().st_mode
        except OSError:
            return False
        return stat.S_ISDIR(mode) or stat.S_ISREG(mode)

    def action_toggle_hidden(self) -> None:
        self._hidden = not self._hidden
        self.reload()

    def action_parent(self) -> None:
        folder = Path(self.path).absolute()
        if folder.parent != folder and shows(folder.parent):
            self.path = folder.parent
