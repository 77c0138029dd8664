#!/bin/sh
# A deployment script that keeps the share in a file of its workspace, and notes how it is called.
set -eu
case "$1" in
    update-traffic)
        echo "$* attempt $DEPLOYMENT_ATTEMPT stage $DEPLOYMENT_STAGE" >> calls
        if [ ! -e stubborn ]; then
            echo "$2" > share
        fi
        ;;
    get-traffic)
        echo "asking the balancer"
        cat share
        echo "done" >&2
        ;;
    deploy)
        echo "$*" >> calls
        ;;
    *)
        exit 64
        ;;
esac
