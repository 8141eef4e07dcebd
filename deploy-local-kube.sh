#!/usr/bin/env bash
# The whole service in a Kubernetes cluster on this machine: builds the images, makes the kind cluster `sports` if it isn't
# there, rolls everything out and predicts once. Run it again after a change: what hasn't changed stays as it is.
set -euo pipefail
cd "$(dirname "$0")"

cluster=sports
version=0.1.0
wait_s=300

fail() {
  echo "deploy-local-kube.sh: $1" >&2
  exit 1
}

missing=()
for tool in docker kind kubectl curl; do
  command -v "$tool" > /dev/null || missing+=("$tool")
done
[ "${#missing[@]}" -eq 0 ] || fail "these tools are missing: ${missing[*]}."
architecture=$(docker version --format '{{.Server.Arch}}' 2> /dev/null) || fail "docker is there, but its engine doesn't answer."
[ "$architecture" = amd64 ] || fail "TensorFlow Serving has images for amd64 only, and this docker runs on $architecture."

docker build --tag "sports-model:$version" --file model/Dockerfile .
docker build --tag "sports-gateway:$version" --file gateway/Dockerfile .

kind get clusters 2> /dev/null | grep -qx "$cluster" || kind create cluster --name "$cluster" --wait 120s
kind export kubeconfig --name "$cluster" # also makes it kubectl's current cluster
kubectl config set-context "kind-$cluster" --namespace sports > /dev/null
kind load docker-image --name "$cluster" "sports-model:$version" "sports-gateway:$version"

in_cluster() {
  kubectl --context "kind-$cluster" --namespace sports "$@"
}

# The password is made once: the database learns it at its first start only. It's never an argument, which others could
# see in `ps`.
in_cluster apply --filename kube-config/base/namespace.yaml
secret=$(in_cluster get secret sports-database --ignore-not-found --output name)
if [ -z "$secret" ]; then
  password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
  in_cluster create --filename - <<END
apiVersion: v1
kind: Secret
metadata:
  name: sports-database
  labels: {app.kubernetes.io/name: sports-database, app.kubernetes.io/part-of: sports}
stringData:
  password: "$password"
  url: "postgresql://sports:$password@sports-database.sports.svc.cluster.local:5432/sports"
END
fi

in_cluster apply --kustomize kube-config/overlays/kind
for part in model:tf-serving-sports-model gateway:sports-gateway; do
  deployment=deployment/${part#*:}
  # The tag stays the same when an image is built anew, so Kubernetes wouldn't notice.
  image=$(docker image inspect --format '{{.Id}}' "sports-${part%%:*}:$version")
  before=$(in_cluster get "$deployment" --output 'jsonpath={.metadata.annotations.image-id}')
  if [ -n "$before" ] && [ "$before" != "$image" ]; then
    in_cluster rollout restart "$deployment"
  fi
  in_cluster annotate --overwrite "$deployment" "image-id=$image"
done
for workload in deployment/tf-serving-sports-model deployment/sports-gateway statefulset/sports-database; do
  in_cluster rollout status "$workload" --timeout "${wait_s}s" || {
    in_cluster get pods >&2
    fail "${workload#*/} wasn't ready after $wait_s s; kubectl -n sports describe pods says more."
  }
done

forwarded=$(mktemp)
# Any free port. Not by in_cluster: then $! would be a shell's, and kubectl would stay behind.
kubectl --context "kind-$cluster" --namespace sports port-forward services/sports-gateway-service :9696 > "$forwarded" &
forward=$!
trap 'kill "$forward" 2> /dev/null || true; rm -f "$forwarded"' EXIT
for _ in {1..100}; do
  port=$(sed -n 's/^Forwarding from 127\.0\.0\.1:\([0-9]*\) .*/\1/p' "$forwarded")
  [ -z "$port" ] || break
  kill -0 "$forward" 2> /dev/null || break
  sleep 0.1
done
[ -n "$port" ] || fail "kubectl could not forward a port to the gateway."
./predict_test.sh "http://127.0.0.1:$port" samples/tennis.jpg || fail "the gateway made no prediction."

cat <<END

It runs. To reach it at http://127.0.0.1:9696:
  kubectl port-forward services/sports-gateway-service 9696:9696
To remove it all:
  kind delete cluster --name $cluster
END
