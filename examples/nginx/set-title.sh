#!/bin/sh
# Puts PAGE_TITLE into the uploaded page, whatever characters it holds.
set -eu

page=/var/www/html/index.html
title=$(printf '%s' "$PAGE_TITLE" | sed -e 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g')
escaped=$(printf '%s' "$title" | sed -e 's/[\\|&]/\\&/g')
sed -i "s|@TITLE@|$escaped|g" "$page"
nginx -t
