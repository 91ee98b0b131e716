#!/bin/sh
# Makes the PDFs of the layout tests and of the benchmark. Run from this folder; needs LibreOffice Writer, pdfTeX with booktabs and fancyhdr, and
# Python 3 with reportlab. The tests (pdf_layout_test.go) hold what the reader has to make of them.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp office.py named.py "$tmp"
here=$(pwd)
cd "$tmp"
python3 office.py
soffice --headless --convert-to pdf *.fodt >/dev/null 2>&1
pdflatex -interaction=batchmode en-two.tex >/dev/null
pdflatex -interaction=batchmode en-two.tex >/dev/null
python3 named.py
cp *.pdf "$here"
