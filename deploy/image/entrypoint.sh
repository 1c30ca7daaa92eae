#!/bin/sh
# What this container does, by its first argument. Each is an `exec`, so that signals reach it.
set -eu
cd "$(dirname "$0")/../.."

usage() {
    cat <<'END'
NoteVault. The first argument says what this container does:

  web             serve the API and the admin on PORT (5001)
  worker          run background jobs and the schedule; probes and metrics on WORKER_PORT (5003)
  migrate         bring the database up to date; once, before a new version is rolled out
  backup          write one backup to BACKUP_URL
  backup-verify   restore the newest backup into a scratch database, and prove it
  reconcile       compare our books with the gateway's
  verify-ledger   prove the promises about money, row by row
  manage …        any other command: `manage help` lists them
  help            print this

Every one but web takes the options of its command: `backup --help`.
Settings come from the environment; .env.example in /app lists them.
END
}

manage() {
    exec python manage.py "$@"
}

role="${1-help}"
[ $# -eq 0 ] || shift
case "$role" in
web)
    [ $# -eq 0 ] || { echo "web takes no argument, and was given: $*" >&2; exit 2; }
    exec gunicorn --config deploy/gunicorn.conf.py notevault.wsgi:application
    ;;
worker) manage worker "$@" ;;
migrate) manage migrate --no-input "$@" ;;
backup) manage backup "$@" ;;
backup-verify) manage backup_verify "$@" ;;
reconcile) manage reconcile "$@" ;;
verify-ledger) manage verify_ledger "$@" ;;
manage) manage "$@" ;;
help | -h | --help) usage ;;
*)
    echo "'$role' is nothing this container does: say web, worker, migrate, backup," \
        "backup-verify, reconcile, verify-ledger, manage or help." >&2
    exit 2
    ;;
esac
