"""The tool that makes names.txt agrees with the file."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from microgpt import default_names_path


def test_the_tool_knows_the_file_it_makes():
    source = (Path(__file__).parents[2] / "tools" / "make_names.py").read_text()
    data = default_names_path().read_bytes()
    assert f'SHA256 = "{hashlib.sha256(data).hexdigest()}"' in source
    (rows,) = re.findall(r"^ROWS = ([\d_]+)$", source, re.MULTILINE)
    assert int(rows) == data.count(b"\n")
