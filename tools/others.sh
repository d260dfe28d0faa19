#!/bin/sh
# Runs the tests of the core on each Python but the one of the virtual environment given, in an
# environment of its own (.venv-3.12, ...); on the newest those of the lab as well. The words
# after it go to pytest.
set -eu
main=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
shift
# The reference engine is slow: its whole runs are for the first Python.
export MICROGPT_SHORT=1
# What is imported again and again is compiled once, also where a system is told to keep nothing.
export PYTHONDONTWRITEBYTECODE=

newest=$(tools/pythons.sh | tail -n 1)
tools/pythons.sh | while read -r python; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [ "$version" = "$main" ] && continue
    venv=.venv-$version
    if [ ! -e "$venv/.testing" ] || [ pyproject.toml -nt "$venv/.testing" ]; then
        "$python" -m venv "$venv"
        PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/python" -m pip install --quiet --editable '.[test]'
        # An editable install is not compiled, and each worker process would do that anew.
        "$venv/bin/python" -m compileall -q microgpt playground
        touch "$venv/.testing"
    fi
    tests=tests/microgpt
    [ "$python" = "$newest" ] && tests="$tests tests/lab"
    echo "== Python $version: $tests"
    # shellcheck disable=SC2086
    "$venv/bin/python" -m pytest "$@" $tests </dev/null
done
