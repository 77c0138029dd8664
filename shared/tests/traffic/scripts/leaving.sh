#!/bin/sh
# Ends, and leaves something running that holds its output.
sleep 600 &
echo $! > left
echo "ended"
