"""It reads where nothing is."""

import ctypes

ctypes.string_at(0)
