#!/bin/sh
# Installs every distribution of plugins/ and the playground's own extras into an environment of
# its own (.venv-gallery), on top of that of the Python given, and tests each. The words after it go
# to pytest; a lone --install leaves the tests out.
#
# The environment sees what the main one has installed and adds only what the plugins and the extras
# need, so that the tests of the playground itself go on running without NumPy, Numba and Dask.
set -eu
main=$1
shift
venv=.venv-gallery
python=$PWD/$venv/bin/python
# One cache for all, so that the playground is read once and not once for each plugin.
export MYPY_CACHE_DIR=$PWD/.mypy_cache/gallery
# What is imported again and again is compiled once, also where a system is told to keep nothing.
export PYTHONDONTWRITEBYTECODE=

folder() { "$1" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

# Of the distribution in a folder, all but those of its developers.
extras() {
    "$main" -c 'import sys, tomllib
project = tomllib.load(open(sys.argv[1] + "/pyproject.toml", "rb"))["project"]
named = project.get("optional-dependencies", {})
print(",".join(name for name in named if name not in ("test", "dev")))' "$1"
}

install() {
    "$main" -m venv "$venv"
    # As a site folder, so that what is installed there for editing is found as well.
    echo "import site; site.addsitedir('$(folder "$main")')" >"$(folder "$python")/main.pth"
    for plugin in plugins/*/; do
        named=$(extras "$plugin")
        set -- "$@" --editable "${plugin%/}${named:+[$named]}"
    done
    # The playground itself once more, for its command and for the extras that do more than test it.
    set -- "$@" --editable ".[$(extras .)]"
    export PIP_DISABLE_PIP_VERSION_CHECK=1
    # Each plugin is built with this one setuptools, and not with one that is installed for it.
    "$python" -m pip install --quiet 'setuptools>=68'
    "$python" -m pip install --quiet --no-build-isolation "$@"
    touch "$venv/.installed"
}

newest=$(ls -t plugins/*/pyproject.toml pyproject.toml | head -n 1)
if [ ! -e "$venv/.installed" ] || [ "$newest" -nt "$venv/.installed" ]; then
    install
fi

[ "${1-}" = --install ] && exit

# Two jobs at a time, the longest first; what one says is shown whole, once it has ended. The types
# are one job, for the plugins share a cache of mypy's.
# shellcheck disable=SC2016
printf '%s\n' plugins/numba-engine/ types . plugins/*/ | awk '!seen[$0]++' | python=$python xargs -P 2 -I '{}' sh -c '
    job=$1
    shift
    types() {
        for plugin in plugins/*/; do
            (cd "$plugin" && printf "%s " "$plugin" && "$python" -m mypy) || return 1
        done
    }
    tests() {
        [ "$job" = . ] && set -- "$@" tests/gallery
        cd "$job" && "$python" -m pytest "$@"
    }
    code=0
    if [ "$job" = types ]; then said=$(types 2>&1); else said=$(tests "$@" 2>&1 </dev/null); fi || code=1
    printf "== %s\n%s\n" "$job" "$said"
    exit $code
' sh '{}' "$@"
