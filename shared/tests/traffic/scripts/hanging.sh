#!/bin/sh
# Starts a child, that starts one of its own, and none of them wants to end.
trap '' TERM
echo "hanging"
sh -c 'trap "" TERM; echo $$ > grandchild; sleep 600 & echo $! > great-grandchild; wait' &
wait
wait
