#!/bin/sh
# Copies the model cards to where kustomize can read them (no file above its folder), and lists them in the ConfigMap and
# in the gateway's volume. Run it whenever a card changes or a version comes or goes: ./kube-config/copy-cards.sh [MODELS]
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
models=${1:-$here/../model}

fail() {
  echo "copy-cards.sh: $1" >&2
  exit 1
}

# Puts LINES between the two marks of FILE.
write_list() {
  for mark in '# cards' '# end of cards'; do
    [ "$(grep -c "^ *$mark\$" "$1")" = 1 ] || fail "$1 must have one line '$mark'"
  done
  LISTED=$2 awk '/^ *# end of cards$/ { skip = 0 } !skip { print } /^ *# cards$/ { printf "%s", ENVIRON["LISTED"]; skip = 1 }' \
    "$1" > "$1.new"
  mv "$1.new" "$1"
}

set -- "$models"/*/*/assets.extra/card.json
[ -f "$1" ] || fail "there is no card below $models"
rm -f "$here"/base/cards/*.json
files='' items=''
for card in "$@"; do
  version=${card%/assets.extra/card.json}
  name=${version%/*}
  name=${name##*/} version=${version##*/}
  cp "$card" "$here/base/cards/$name-$version.json"
  files="$files      - cards/$name-$version.json
"
  items="$items            - {key: $name-$version.json, path: $name/$version/assets.extra/card.json}
"
done
write_list "$here/base/kustomization.yaml" "$files"
write_list "$here/base/gateway.yaml" "$items"
