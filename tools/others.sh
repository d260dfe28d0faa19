#!/bin/sh
# Runs the tests of the core on each Python but the one of the virtual environment given, in an
# environment of its own (.venv-3.12, ...); on the newest also those of the lab that rest on what
# Python brings along: processes, signals, threads, sqlite3, the formats of files, and sums, which
# Python 3.12 and newer round otherwise; and some of the screen, whose tasks rest on asyncio. The
# words after it go to pytest; a lone --install leaves the tests out.
set -eu
main=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
shift
# The reference engine is slow: its whole runs are for the first Python.
export MICROGPT_SHORT=1
# What is imported again and again is compiled once, also where a system is told to keep nothing.
export PYTHONDONTWRITEBYTECODE=
core=tests/microgpt
lab="tests/lab/client tests/lab/record tests/lab/store tests/lab/inside
    tests/lab/test_checkpoint.py tests/lab/test_files_of_before.py
    tests/tui/test_more_steps.py tests/tui/test_time_travel.py"

install() {
    "$python" -m venv "$venv" &&
        PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/python" -m pip install --quiet --editable '.[test]' &&
        # An editable install is not compiled, and each worker process would do that anew.
        "$venv/bin/python" -m compileall -q microgpt playground &&
        touch "$venv/.testing"
}

# What is said of one Python is shown whole, once its tests have ended.
run() {
    code=0
    # shellcheck disable=SC2086
    said=$("$venv/bin/python" -m pytest "$@" $tests 2>&1 </dev/null) || code=1
    printf '== Python %s: %s\n%s\n' "$version" "$(echo $tests)" "$said"
    exit $code
}

# The newest first, for it has the most to do: its tests run while the next environment is made, and
# beside those of the next. Only one is made at a time, since each build writes into this folder.
newest=$(tools/pythons.sh | tail -n 1)
failed=0
jobs=
while read -r python; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [ "$version" = "$main" ] && continue
    venv=.venv-$version
    if [ ! -e "$venv/.testing" ] || [ pyproject.toml -nt "$venv/.testing" ]; then
        install </dev/null || { failed=1; continue; }
    fi
    [ "${1-}" = --install ] && continue
    tests=$core
    [ "$python" = "$newest" ] && tests="$core $lab"
    run "$@" &
    jobs="$jobs $!"
done <<END
$(tools/pythons.sh | sed '1!G;h;$!d')
END
for job in $jobs; do
    wait "$job" || failed=1
done
exit $failed
