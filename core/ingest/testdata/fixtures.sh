#!/bin/sh
# Makes the fixtures of the reader tests from rules.md and fixtures.py. Run from this folder; needs pandoc, LibreOffice Writer,
# qpdf, Python 3 and a Japanese font. The tests hold the exact texts: look at every difference after running it.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
pandoc rules.md -f markdown+raw_attribute -o pandoc.docx
pandoc rules.md -s -o pandoc.html
soffice --headless --convert-to odt --outdir "$tmp" pandoc.docx >/dev/null 2>&1
mv "$tmp/pandoc.odt" "$tmp/office.odt"
for kind in "docx:MS Word 2007 XML" pdf html; do
  soffice --headless --convert-to "$kind" --outdir "$tmp" "$tmp/office.odt" >/dev/null 2>&1
done
mv "$tmp/office.docx" "$tmp/office.pdf" "$tmp/office.html" .
qpdf --encrypt secret owner 256 -- office.pdf password.pdf
qpdf --encrypt "" owner 256 -- office.pdf owner.pdf # opens without a password: printing is what it forbids
python3 fixtures.py
