#!/usr/bin/env bash
# Build the image, or its PgBouncer, from the Dockerfile; refuse it when it has grown too large.
set -euo pipefail

usage() {
    cat <<'END'
Usage: build.sh --tag NAME [options]

Builds the image with docker or buildah, whichever is there, on the newest Debian: the base's
digest is looked up, passed and printed. The last line names what to deploy, by digest once pushed.

  --tag NAME          the image's name, as registry.example.com/notevault/notevault-api:v1.0.0
  --target STAGE      service (the default) or pgbouncer
  --push              push it, and print its digest
  --builder PROGRAM   docker or buildah (default: the first that is there)
  --base IMAGE        build on this, as it is, in place of the newest debian:bookworm-slim
  --build-arg K=V     passed on, such as POSTGRES_URL=…; may be repeated
  --pip-conf FILE     pip's configuration, for an index of your own; no layer keeps it
  --pip-ca FILE       the certificate of that index; the file above calls it /run/secrets/pip-ca
  --no-cache          build every step anew
  --dry-run           print the commands, and run none that builds or pushes
  --help              print this

BUILDAH_OPTIONS, split at spaces, goes to buildah before its command: --root … --runroot …
END
}

die() { echo "build.sh: $*" >&2; exit "${2:-1}"; }
misuse() { echo "build.sh: $*. --help lists the options." >&2; exit 2; }

BASE=docker.io/library/debian:bookworm-slim
MOST_MB=250
tag="" target=service push=false builder="" base="" dry_run=false
options=()
while [ $# -gt 0 ]; do
    case "$1" in
    --push) push=true ;;
    --dry-run) dry_run=true ;;
    --no-cache) options+=(--no-cache) ;;
    -h | --help) usage; exit 0 ;;
    --tag | --target | --builder | --base | --build-arg | --pip-conf | --pip-ca)
        [ $# -ge 2 ] && [ -n "$2" ] || misuse "$1 needs a value"
        case "$1" in
        --tag) tag=$2 ;;
        --target) target=$2 ;;
        --builder) builder=$2 ;;
        --base) base=$2 ;;
        --build-arg) options+=(--build-arg "$2") ;;
        --pip-conf | --pip-ca)
            [ -r "$2" ] || misuse "$1: $2 cannot be read"
            name=${1#--}
            options+=(--secret "id=${name/pip-conf/pip.conf},src=$2")
            ;;
        esac
        shift
        ;;
    *) misuse "$1 is no option" ;;
    esac
    shift
done
[ -n "$tag" ] || misuse "--tag is missing"
case "$target" in service | pgbouncer) ;; *) misuse "--target is service or pgbouncer, not $target" ;; esac
cd "$(dirname "$0")/../.."

if [ -z "$builder" ]; then
    builder=$(command -v docker || command -v buildah) || misuse "neither docker nor buildah is installed"
    builder=${builder##*/}
fi
case "$builder" in docker | buildah) ;; *) misuse "--builder is docker or buildah, not $builder" ;; esac
command -v "$builder" >/dev/null || misuse "$builder is not installed"

tool() {
    if [ "$builder" = buildah ]; then
        # shellcheck disable=SC2086 # words
        command buildah ${BUILDAH_OPTIONS:-} "$@"
    else
        DOCKER_BUILDKIT=1 command docker "$@"
    fi
}
change() {
    if $dry_run; then echo "+ $builder $*"; else tool "$@"; fi
}

# The digest of what the tag means today.
find_base() {
    tool pull -q "$BASE" >/dev/null || die "$BASE cannot be pulled; --base names another"
    if [ "$builder" = docker ]; then
        tool image inspect --format '{{index .RepoDigests 0}}' "$BASE"
    else
        echo "${BASE%:*}@$(tool inspect --type image --format '{{.FromImageDigest}}' "$BASE")"
    fi
}

size_mb() {
    if [ "$builder" = docker ]; then
        echo $(($(tool image inspect --format '{{.Size}}' "$tag") / 1000000))
    else
        tool images --format '{{.Size}}' "$tag" |
            awk 'NR == 1 { by["KB"] = 0.001; by["MB"] = 1; by["GB"] = 1000; print int($1 * by[$2]) }'
    fi
}

if [ -z "$base" ]; then
    if $dry_run; then base="$BASE"; else base=$(find_base); fi
fi
version=${tag##*:}
[ "$version" != "$tag" ] && [ "${version#*/}" = "$version" ] || version=unknown
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)

echo "Building $tag ($target) on $base with $builder …"
if [ "$builder" = buildah ]; then
    options+=(--layers --format docker --pull-never)
else
    options+=(--progress plain)
fi
change build "${options[@]}" --target "$target" --tag "$tag" --build-arg "BASE=$base" \
    --build-arg "NOTEVAULT_VERSION=$version" --build-arg "NOTEVAULT_REVISION=$revision" .
$dry_run || {
    size=$(size_mb)
    [ "$size" -lt "$MOST_MB" ] || die "$tag has $size MB; it must stay under $MOST_MB MB"
    echo "$tag has $size MB, of less than $MOST_MB."
}

if ! $push; then
    $dry_run || echo "Not pushed: --push does, and prints the digest to deploy."
elif [ "$builder" = docker ]; then
    change push --quiet "$tag"
    $dry_run || tool image inspect --format '{{index .RepoDigests 0}}' "$tag"
else
    digest=$(mktemp)
    trap 'rm -f "$digest"' EXIT
    change push -q --digestfile "$digest" "$tag" "docker://$tag"
    $dry_run || echo "${tag%:*}@$(cat "$digest")"
fi
