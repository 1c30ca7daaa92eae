# shellcheck shell=bash
# What the guide's commands stand on. `source deploy/guide/operator.sh` in bash, in the
# repository's root; KUBECONFIG names the cluster.

NAMESPACE=${NAMESPACE:-notevault}
# Where `manage` runs. Without a worker: MANAGE_IN=deploy/notevault-api
MANAGE_IN=${MANAGE_IN:-deploy/notevault-worker}

kube() { kubectl --namespace "$NAMESPACE" "$@"; }

# manage COMMAND…: manage.py in a pod that runs. Long work belongs in `one_off`.
manage() { kube exec "$MANAGE_IN" -- python manage.py "$@"; }

# look PATH: what a web pod answers there, as JSON or text. It reads METRICS_TOKEN itself, so
# that the token stays in the pod; at the edge, /metrics and /metrics/json are 404.
look() {
    kube exec deploy/notevault-api -- python -c '
import os, sys, urllib.request
url = "http://127.0.0.1:" + os.environ.get("PORT", "5001") + sys.argv[1]
headers = {
    "Authorization": "Bearer " + os.environ["METRICS_TOKEN"],
    "Host": os.environ.get("PUBLIC_API_URL", "//api.notevault.com").split("//")[1],
    "X-Forwarded-Proto": "https",
}
try:
    answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10)
except urllib.error.HTTPError as error:
    answer = error
print(answer.read().decode())
sys.exit(answer.status >= 400)' "$1"
}

# one_off CRONJOB [ARGUMENT…]: a Job with that CronJob's image, rights and secrets, and other
# arguments if there are any. It is waited for, and its log is shown. Fails when the Job does.
#   ONE_OFF_WITHIN_S=86400 one_off …   with so many seconds instead of the CronJob's
#   ONE_OFF_IMAGE=NAME@sha256:… one_off …   from an image that is not rolled out yet
one_off() {
    local like=$1 job name state
    shift
    name="$like-$(date +%s)-$RANDOM"
    job=$(kube create job "$name" --from="cronjob/$like" --dry-run=client -o json) || return
    job=$(jq --arg within "${ONE_OFF_WITHIN_S:-}" --arg image "${ONE_OFF_IMAGE:-}" '
        .spec.template.spec.containers[0] |= (
            if $ARGS.positional == [] then . else .args = $ARGS.positional end
            | if $image == "" then . else .image = $image end)
        | if $within == "" then . else .spec.activeDeadlineSeconds = ($within | tonumber) end' \
        --args -- "$@" <<<"$job") || return
    kube create -f - <<<"$job" || return
    while true; do
        state=$(kube get job "$name" -o jsonpath='{range .status.conditions[*]}{.type} {end}') ||
            return
        case " $state" in *" Complete "*) break ;; *" Failed "*) break ;; esac
        sleep 5
    done
    kube logs "job/$name" --tail=-1 || return
    case " $state" in *" Complete "*) ;; *) echo "$name failed" >&2; return 1 ;; esac
}
