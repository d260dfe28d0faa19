"""The playground around microgpt: what a person starts, sees and extends.

Layers, each of which knows only those after it: cli, tui, lab, hooks, testing, api; below them
plain values (catalog.py), words (words.py) and files (files.py), and the GPT itself (the package
microgpt). docs/architecture.md is the map.
"""

import os as _os

if "MICROGPT_PLAY_FENCE" in _os.environ:  # a visitor's session; see playground.fence
    from playground.fence import put_up_from_environment as _put_up

    _put_up()
