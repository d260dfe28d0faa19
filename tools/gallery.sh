#!/bin/sh
# Installs every distribution of plugins/ into an environment of its own (.venv-gallery), on top
# of that of the Python given, and tests each. The words after it go to pytest; a lone --install
# leaves the tests out.
#
# The environment sees what the main one has installed and adds only what the plugins need, so
# that the tests of the playground itself go on running without NumPy and Numba.
set -eu
main=$1
shift
venv=.venv-gallery
python=$PWD/$venv/bin/python

folder() { "$1" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

install() {
    "$main" -m venv "$venv"
    # As a site folder, so that what is installed there for editing is found as well.
    echo "import site; site.addsitedir('$(folder "$main")')" >"$(folder "$python")/main.pth"
    for plugin in plugins/*/; do
        set -- "$@" --editable "$plugin"
    done
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$python" -m pip install --quiet "$@"
    touch "$venv/.installed"
}

newest=$(ls -t plugins/*/pyproject.toml pyproject.toml | head -n 1)
if [ ! -e "$venv/.installed" ] || [ "$newest" -nt "$venv/.installed" ]; then
    install
fi

[ "${1-}" = --install ] && exit

echo "== The gallery in the playground"
"$python" -m pytest "$@" tests/gallery </dev/null
for plugin in plugins/*/; do
    echo "== $plugin"
    (cd "$plugin" && "$python" -m mypy && "$python" -m pytest "$@" </dev/null)
done
