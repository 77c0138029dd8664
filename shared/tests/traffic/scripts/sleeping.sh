#!/bin/sh
# Ends when it is told to, and not before.
exec sleep 600
