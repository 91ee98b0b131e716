package ingest

import (
	"encoding/binary"
	"errors"
	"strings"

	"kakoi/core"
)

// attachments are the files in the document; with an error, those before it.
func (d *pdfDoc) attachments(q *budget) ([]attachment, error) {
	count, err := d.number("FPDFDoc_GetAttachmentCount", d.handle)
	if err != nil || count <= 0 {
		return nil, err
	}
	if count > maxAttachments {
		q.note(core.Finding{What: core.FindingCut, Why: core.WhyFiles, Count: count - maxAttachments})
		count = maxAttachments
	}
	var out []attachment
	for i := range count {
		if err := q.ctx.Err(); err != nil {
			return out, err
		}
		file, err := d.call("FPDFDoc_GetAttachment", d.handle, uint64(i))
		if err != nil {
			return out, err
		}
		if uint32(file) == 0 {
			continue
		}
		a := attachment{name: d.utf16(4*longTitle, "FPDFAttachment_GetName", file)}
		if a.data, err = d.fileData(q, file); err != nil {
			return out, err
		}
		out = append(out, a)
	}
	return out, nil
}

// fileData is what an attachment holds; nil where PDFium cannot unpack it.
func (d *pdfDoc) fileData(q *budget, file uint64) ([]byte, error) {
	at, err := d.room(8)
	if err != nil {
		return nil, err
	}
	size := func() (int, bool, error) {
		b, err := d.bytes(at, 4)
		if err != nil {
			return 0, false, err
		}
		n := int(binary.LittleEndian.Uint32(b))
		return n, n > 0 && n <= maxDocumentBytes, nil
	}
	ok, err := d.number("FPDFAttachment_GetFile", file, 0, 0, uint64(at))
	if err != nil || ok == 0 {
		return nil, err
	}
	n, fits, err := size()
	if err != nil || !fits {
		return nil, err
	}
	if q.unpacked += int64(n); q.unpacked > maxUnpacked {
		return nil, errBomb
	}
	buffer, err := d.call("malloc", uint64(n))
	if err != nil || uint32(buffer) == 0 {
		return nil, err
	}
	defer d.closing("free", buffer, &err)
	if ok, err = d.number("FPDFAttachment_GetFile", file, buffer, uint64(n), uint64(at)); err != nil || ok == 0 {
		return nil, err
	}
	b, err := d.bytes(uint32(buffer), n)
	return append([]byte(nil), b...), err
}

// attachedTo adds the pages of attached files, each under its name, to those of the document around them. One that cannot be read
// is noted.
func (r *reading) attachedTo(texts []string, files []attachment) ([]string, error) {
	for _, a := range files {
		name, mark := fileName(a.name), r.q.inside()
		if name == "" {
			name = "attachment"
		}
		inner, err := r.attached(a)
		if r.q.err != nil || r.q.ctx.Err() != nil {
			return nil, errors.Join(r.q.err, r.q.ctx.Err())
		}
		if err != nil {
			r.q.missed(mark, name, err)
			continue
		}
		for i, text := range inner {
			if strings.TrimSpace(text) != "" {
				inner[i] = name + "\n\n" + strings.TrimLeft(text, "\n")
			}
		}
		r.q.entered(mark, len(texts), name)
		texts = append(texts, inner...)
	}
	return texts, nil
}
