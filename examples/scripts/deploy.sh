#!/bin/sh
# A deployment script that plugin-progressive and plugin-rollback call. It is complete for releases that are folders,
# and it is the one that the demonstration runs: replace what stands in the five functions by what deploys your service.
#
#   deploy                        bring the new version up on the canary side, without traffic
#   promote                       bring the new version to the stable side
#   rollback                      take the new version back, from the stable side as well where it was promoted
#   update-traffic PERCENT STAGE  give the canary side so much of the traffic
#   get-traffic                   say how much it has: a whole number as the last line
#
# Exit 0 means applied, 64 that the action is not known here, anything else that it failed. Every action is absolute:
# done twice it comes to the same, because a run that was killed is settled by the next one.
#
# It finds DEPLOYMENT_ID, DEPLOYMENT_COMMIT, DEPLOYMENT_ENVIRONMENT, DEPLOYMENT_STAGE, DEPLOYMENT_ATTEMPT, the CI_*
# variables, PATH, HOME and what the step's `script_env` gives it; never the plugin's own secrets. plugin-rollback adds
# DEPLOYMENT_PREVIOUS_COMMIT, the version to go back to.
#
# A plugin calls it in its own container, as user 65534. So every step that runs it uses a plugin's image, `deploy` by
# `commands:`, and has the folder mounted by `volumes:`. Once, on the agent's machine:
#
#   install -d -o 65534 -g 65534 /srv/shop
#
# For `traffic: haproxy` the last two actions are not called: plugin-progressive moves the traffic itself. A step with
# `commands:` can call it, too: it deploys the pipeline's commit then.
set -eu

: "${DEPLOY_ROOT:?set it in script_env: the folder with releases/, stable and canary}"
fail() {
    echo "deploy.sh: $*" >&2
    exit 1
}

[ -d "$DEPLOY_ROOT" ] || fail "DEPLOY_ROOT, $DEPLOY_ROOT, is not here: mount it by \`volumes:\` of this step"
root=$(cd "$DEPLOY_ROOT" && pwd)
commit=${DEPLOYMENT_COMMIT:-${CI_COMMIT_SHA:-}}

# Said before anything is half done. The log shows what comes from script_env as ***.
for folder in "$root" "$root/releases"; do
    [ ! -e "$folder" ] || [ -w "$folder" ] ||
        fail "user $(id -u) may not write to $folder:" \
            "on the agent's machine, once, chown -R 65534:65534 $root (DEPLOY_ROOT)"
done

deploy() {
    release=$root/releases/${commit:?the commit to deploy}
    mkdir -p "$root/releases"
    # Whole or not at all: a release that is there is complete.
    if [ ! -d "$release" ]; then
        rm -rf "$release.part"
        cp -R build "$release.part"
        mv "$release.part" "$release"
    fi
    point canary "$release"
}

promote() {
    point stable "$root/releases/${commit:?the commit to promote}"
}

rollback() {
    # plugin-rollback says what was good before: a version that was promoted is on the stable side as well.
    if [ -n "${DEPLOYMENT_PREVIOUS_COMMIT:-}" ] && [ "$(readlink "$root/stable")" = "$root/releases/$commit" ]; then
        good=$root/releases/$DEPLOYMENT_PREVIOUS_COMMIT
        [ -d "$good" ] || fail "$good is gone: deploy that version anew"
        point stable "$good"
    fi
    point canary "$(readlink "$root/stable")"
}

update_traffic() {
    # The proxy reads this file at every request, so it must never see half of it.
    echo "$1" >"$root/share.part"
    mv "$root/share.part" "$root/share"
}

get_traffic() {
    cat "$root/share"
}

# Points a side to a release.
point() {
    ln -sfn "$2" "$root/$1"
}

case ${1:-} in
deploy) deploy ;;
promote) promote ;;
rollback) rollback ;;
update-traffic) update_traffic "$2" ;;
get-traffic) get_traffic ;;
*) exit 64 ;;
esac
