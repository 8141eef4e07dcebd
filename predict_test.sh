#!/bin/sh
# One prediction with curl: ./predict_test.sh [BASE_URL] [URL_OR_FILE]
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
base=${1:-http://127.0.0.1:9696}
picture=${2:-$here/samples/tennis.jpg}
case $picture in
  http://* | https://*)
    curl -sS --fail-with-body --max-time 30 -H 'Content-Type: application/json' -d "{\"url\": \"$picture\"}" \
      "$base/predict?show_probability=true" ;;
  *)
    [ -f "$picture" ] || { echo "predict_test.sh: there is no file $picture" >&2; exit 1; }
    curl -sS --fail-with-body --max-time 30 -F "file=@\"$picture\"" "$base/predict?show_probability=true" ;;
esac
