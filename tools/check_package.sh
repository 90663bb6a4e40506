#!/usr/bin/env bash
# Builds wheel and sdist, compares the wheel with the one built from the sdist, installs it into a clean environment
# without any framework, and converts and restores one real checkpoint of each family from another folder.
set -euo pipefail
root=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$root/.venv/bin/python" -m build --outdir "$work/dist" "$root" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
mkdir "$work/sdist"
tar -xzf "$work"/dist/*.tar.gz -C "$work/sdist" --strip-components 1
"$root/.venv/bin/python" -m build --wheel --outdir "$work/second" "$work/sdist" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
"$root/.venv/bin/python" "$root/tools/compare_wheels.py" "$work"/dist/*.whl "$work"/second/*.whl

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q -c "$root/constraints/test.txt" "$work"/dist/*.whl
cd "$work"
for missing in torch tensorflow keras; do
    if "$work/venv/bin/python" -c "import $missing" 2>/dev/null; then
        echo "$missing must not be needed, but is installed"
        exit 1
    fi
done
# One real checkpoint of each family that the core install reads.
for name in oncomark lpips-alex basic-nmp silero-silero-vad-16k genomad-decision-forest \
    rs3-target-lite-model oncomark-hallmark-scaler genomad-score-calibration-weights; do
    native=$(cd "$root" && .venv/bin/python -m tools.fetch_corpus --path "$name")
    "$work/venv/bin/candle-spec" convert "$native" "$name.candle"
    "$work/venv/bin/candle-spec" validate "$name.candle"
    "$work/venv/bin/candle-spec" restore "$name.candle" restored
    diff -r "$native" restored
    rm -r restored
done
echo "packaging: the wheel works in a clean environment"
