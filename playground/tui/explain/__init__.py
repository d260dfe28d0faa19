"""What each word and sign of the main screen means, and where it stands.

`words` holds the sentences, which `?`, the tooltips, the walk (`.`) and docs/words.md all take
from there. `places` says which text on the screen means which of them; `reading` finds them.
"""
