#!/bin/sh
# Runs the tests of core, hooks and lab on each Python but the one of the virtual environment
# given, in an environment of its own (.venv-3.12, ...).
set -eu
main=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

tools/pythons.sh | while read -r python; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [ "$version" = "$main" ] && continue
    venv=.venv-$version
    if [ ! -e "$venv/.testing" ] || [ pyproject.toml -nt "$venv/.testing" ]; then
        "$python" -m venv "$venv"
        PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/python" -m pip install --quiet --editable '.[test]'
        touch "$venv/.testing"
    fi
    echo "== Python $version: core, hooks, lab"
    "$venv/bin/python" -m pytest -n 2 --dist loadscope tests/microgpt tests/hooks tests/lab </dev/null
done
