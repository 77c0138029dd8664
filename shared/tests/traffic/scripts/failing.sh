#!/bin/sh
echo "the balancer says no"
echo "giving up" >&2
exit 3
