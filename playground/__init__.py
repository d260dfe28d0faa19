"""The playground around microgpt: what a person starts, sees and extends.

Layers, each of which knows only those after it: cli, tui, lab, hooks, testing, api; below them
plain values (catalog.py), words (words.py) and files (files.py), and the GPT itself (the package
microgpt). docs/architecture.md is the map.

In notebooks and scripts, `import playground` offers runs as objects; docs/api.md tells of them. The
names are looked up when they are used, so that the import itself stays cheap.
"""

import os as _os

if "MICROGPT_PLAY_FENCE" in _os.environ:  # a visitor's session; see playground.fence
    from playground.fence import put_up_from_environment as _put_up

    _put_up()

TYPE_CHECKING = False  # as typing has it, which would have to be loaded
if TYPE_CHECKING:
    from playground.lab.notebook import Dissection as Dissection
    from playground.lab.notebook import LabError as LabError
    from playground.lab.notebook import Model as Model
    from playground.lab.notebook import Run as Run
    from playground.lab.notebook import load as load
    from playground.lab.notebook import model as model
    from playground.lab.notebook import open as open
    from playground.lab.notebook import recorded as recorded
else:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from playground.lab import notebook

        return getattr(notebook, name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = ("Dissection", "LabError", "Model", "Run", "load", "model", "open", "recorded")
