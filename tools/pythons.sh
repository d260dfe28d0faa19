#!/bin/sh
# Prints the CPython interpreters of this machine that the project runs on, one a line, one for
# each minor version, 3.11 first. A name on PATH may be a shim that starts nothing, so each is
# tried.
set -u

works() { "$1" -c "import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != tuple(map(int, '$2'.split('.'))))" >/dev/null 2>&1; }

for version in 3.11 3.12 3.13 3.14; do
    for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python python3 python; do
        if works "$candidate" "$version"; then
            command -v "$candidate"
            break
        fi
    done
done
