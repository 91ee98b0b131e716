#!/bin/sh
# Builds the docx and pdf samples from the Markdown beside this script, and nothing else: the other samples are
# edited in place. Needs pandoc, LibreOffice Writer and the Noto CJK fonts.
#   resources/samples_src/make.sh
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

docx() { pandoc --from markdown --to docx --output "$2" "$1"; }

docx 就業規則.md "../samples/就業規則.docx"
docx office-guide.md "../samples/office-guide.docx"

pdf() {
	docx "$1.md" "$work/$1.docx"
	soffice "-env:UserInstallation=file://$work/profile" --headless \
		--convert-to 'pdf:writer_pdf_Export:{"UseTaggedPDF":{"type":"boolean","value":"false"},"ReduceImageResolution":{"type":"boolean","value":"true"}}' \
		--outdir "$work" "$work/$1.docx" >/dev/null
	cp "$work/$1.pdf" "../samples/$1.pdf"
}
pdf 加湿器KX-200取扱説明書
pdf product-faq
