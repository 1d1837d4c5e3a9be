#!/bin/sh
# check.sh PROGRAM WEIR HOT_PAGES_FOLDER SCRATCH_FOLDER: the program finds what `weir run` finds with the manifest.
set -eu
"$1" "$3/access.log" "$4/by_calls.csv" > "$4/by_calls.txt"
"$2" run "$3/job.yaml" --quiet --set "input=$3/access.log" --set "output=$4/by_manifest.csv" > "$4/by_manifest.txt"
for kind in csv txt; do
    sort "$4/by_calls.$kind" > "$4/a"
    sort "$4/by_manifest.$kind" > "$4/b"
    test -s "$4/a"
    diff "$4/a" "$4/b"
done
