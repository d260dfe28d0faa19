#!/bin/sh
# Builds the source distribution, and from that the wheel, as an installer would, and tries the wheel
# on each Python of this machine in an environment of its own, from a folder with no checkout in
# sight. Given "lowest", the oldest versions that pyproject.toml allows are installed instead.
set -eu
main=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
versions=${2-newest}
here=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
export PIP_DISABLE_PIP_VERSION_CHECK=1

# From a copy, since a build writes into the folder that it builds; what git does not know is no part.
mkdir "$folder/source"
git ls-files -z | xargs -0 cp --parents -P -t "$folder/source"
"$main" -m venv "$folder/build"
"$folder/build/bin/python" -m pip install --quiet build
(cd "$folder/source" && "$folder/build/bin/python" -m build --outdir "$folder/dist" . >"$folder/log" 2>&1) || {
    cat "$folder/log"
    exit 1
}
cd "$folder" # python would take the packages of the checkout first
wheel=$(ls "$folder"/dist/*.whl)

: >"$folder/lowest.txt"
if [ "$versions" = lowest ]; then
    # A name with its lower bound, or with its exact version.
    "$main" - "$here/pyproject.toml" >"$folder/lowest.txt" <<'END'
import re, sys, tomllib

project = tomllib.load(open(sys.argv[1], "rb"))["project"]
for line in project["dependencies"]:
    name, _, version = re.match(r"([\w.-]+)(>=|==)([\w.]+)", line).groups()
    print(f"{name}=={version}")
END
fi

failed=0
for python in $("$here/tools/pythons.sh"); do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    venv=$folder/$version
    "$python" -m venv "$venv"
    if "$venv/bin/python" -m pip install --quiet --constraint "$folder/lowest.txt" "$wheel" &&
        said=$(cd "$venv" && MICROGPT_PLAY_HOME=$venv/home bin/python "$here/tools/try_installed.py" 2>&1); then
        printf 'installed on Python %s (%s): %s\n' "$version" "$versions" "$said"
    else
        printf 'NOT installed on Python %s (%s):\n%s\n' "$version" "$versions" "${said-}"
        failed=1
    fi
done
exit $failed
