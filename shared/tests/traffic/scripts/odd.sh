#!/bin/sh
# Says a share that is none.
echo "about half"
