package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"

	"golang.org/x/image/draw"
	"golang.org/x/image/tiff"

	"kakoi/core"
)

// TIFF 6.0, and its supplement 2 for JPEG. Scanners write a directory for each page. Package tiff reads the first one, so each page is given to it in
// turn; JPEG inside, which it does not read, is taken apart here.

// Tags of a directory.
const (
	tagSubfile, tagWidth, tagHeight, tagBits, tagCompression, tagPhotometric         = 254, 256, 257, 258, 259, 262
	tagStripOffsets, tagOrientation, tagSamples, tagRowsPerStrip, tagStripCounts     = 273, 274, 277, 278, 279
	tagTileWidth, tagTileHeight, tagTileOffsets, tagTileCounts, tagJPEGTables    int = 322, 323, 324, 325, 347

	packedG3, packedG4, packedJPEG         = 3, 4, 7
	photometricBlackIsZero, photometricRGB = 1, 2

	maxTIFFNumbers = 1 << 20  // of one field
	maxTables      = 64 << 20 // bytes of the tables of JPEG, in each of its pieces
)

var errTIFF = errors.New("not a sound tiff")

func isTIFF(data []byte) bool {
	return bytes.HasPrefix(data, []byte("II*\x00")) || bytes.HasPrefix(data, []byte("MM\x00*"))
}

// tiffDir is a directory: one picture.
type tiffDir struct {
	data  []byte
	order binary.ByteOrder
	at    int64
	where map[int]int // of a tag's field
}

func tiffOrder(data []byte) binary.ByteOrder {
	if data[0] == 'M' {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// tiffAt reads the directory at a place, and where the next one is.
func tiffAt(data []byte, at int64) (d tiffDir, next int64, err error) {
	d = tiffDir{data: data, order: tiffOrder(data), at: at, where: map[int]int{}}
	if at < 8 || at+2 > int64(len(data)) {
		return d, 0, errTIFF
	}
	n := int64(d.order.Uint16(data[at:]))
	if at+2+12*n+4 > int64(len(data)) {
		return d, 0, errTIFF
	}
	for i := range n {
		field := at + 2 + 12*i
		d.where[int(d.order.Uint16(data[field:]))] = int(field)
	}
	return d, int64(d.order.Uint32(data[at+2+12*n:])), nil
}

// sizes of the types of fields that hold whole numbers: byte, short, long, and bytes of any meaning.
var tiffSizes = map[uint16]int{1: 1, 3: 2, 4: 4, 7: 1}

// raw are the bytes of a field, and the size of each number.
func (d tiffDir) raw(tag int) (b []byte, size int) {
	field, ok := d.where[tag]
	if !ok {
		return nil, 0
	}
	size = tiffSizes[d.order.Uint16(d.data[field+2:])]
	n := int64(d.order.Uint32(d.data[field+4:]))
	if size == 0 || n > maxTIFFNumbers {
		return nil, 0
	}
	at := int64(field + 8)
	if n*int64(size) > 4 {
		at = int64(d.order.Uint32(d.data[field+8:]))
	}
	if at+n*int64(size) > int64(len(d.data)) {
		return nil, 0
	}
	return d.data[at : at+n*int64(size)], size
}

// numbers are those of a field: none where there is none.
func (d tiffDir) numbers(tag int) []int {
	b, size := d.raw(tag)
	out := make([]int, 0, len(b)/max(size, 1))
	for ; len(b) > 0; b = b[size:] {
		switch size {
		case 1:
			out = append(out, int(b[0]))
		case 2:
			out = append(out, int(d.order.Uint16(b)))
		case 4:
			out = append(out, int(d.order.Uint32(b)))
		}
	}
	return out
}

func (d tiffDir) number(tag, otherwise int) int {
	if all := d.numbers(tag); len(all) > 0 {
		return all[0]
	}
	return otherwise
}

// tiffFrames are the pages of a file; small copies of pages are none.
func tiffFrames(data []byte) ([]frame, error) {
	if len(data) < 8 {
		return nil, fmt.Errorf("picture: %w: %w", errTIFF, core.ErrCorrupt)
	}
	var out []frame
	seen := map[int64]bool{}
	for at := int64(tiffOrder(data).Uint32(data[4:])); at != 0 && !seen[at] && len(out) <= maxPages; {
		seen[at] = true
		d, next, err := tiffAt(data, at)
		if err != nil {
			break // what was found until here is worth having
		}
		f := frame{width: d.number(tagWidth, 0), height: d.number(tagHeight, 0), turned: d.number(tagOrientation, 1), at: at}
		if f.width > 0 && f.height > 0 && f.width < 1<<20 && f.height < 1<<20 && d.number(tagSubfile, 0)&1 == 0 {
			deep := int64(1)
			if d.number(tagBits, 1) > 8 {
				deep = 2
			}
			if d.number(tagSamples, 1) > 1 || d.number(tagCompression, 1) == packedJPEG { // what is put together has colours, whatever the pieces have
				deep *= 4
			}
			f.bytes = int64(f.width) * int64(f.height) * deep
			out = append(out, f)
		}
		at = next
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("picture: %w: %w", errTIFF, core.ErrCorrupt)
	}
	return out, nil
}

// unpackTIFF gives the colours of a page.
func unpackTIFF(data []byte, f frame) (image.Image, error) {
	d, _, err := tiffAt(data, f.at)
	if err != nil {
		return nil, err
	}
	width, height := d.number(tagTileWidth, f.width), d.number(tagTileHeight, f.height)
	if width <= 0 || height <= 0 || width > f.width+1024 || height > f.height+1024 { // the decoder makes room for whole tiles
		return nil, errTIFF
	}
	if d.number(tagCompression, 1) == packedJPEG {
		return d.unpackJPEG(f)
	}
	first := make([]byte, 4)
	d.order.PutUint32(first, uint32(f.at))
	patched := &patchedReader{ReaderAt: bytes.NewReader(data), patches: map[int64][]byte{4: first}}
	if field, ok := d.where[tagRowsPerStrip]; ok && d.number(tagRowsPerStrip, 0) > f.height { // "all of them": the decoder would make room for 2^32
		rows := make([]byte, 4)
		if d.order.Uint16(data[field+2:]) == 3 {
			d.order.PutUint16(rows, uint16(f.height))
		} else {
			d.order.PutUint32(rows, uint32(f.height))
		}
		patched.patches[int64(field)+8] = rows
	}
	img, err := tiff.Decode(patched)
	if fax := d.number(tagCompression, 1); err == nil && (fax == packedG3 || fax == packedG4) && d.number(tagPhotometric, 0) == photometricBlackIsZero {
		invert(img)
	}
	return img, err
}

// invert makes black white. Where black is 0, the white runs of a fax are 0, too, and so black, for libtiff and what scanners write; package tiff takes white
// runs for white in either case.
func invert(img image.Image) {
	if grey, ok := img.(*image.Gray); ok {
		for i, v := range grey.Pix {
			grey.Pix[i] = ^v
		}
	}
}

// patchedReader reads a file with some bytes replaced.
type patchedReader struct {
	io.ReaderAt
	patches map[int64][]byte
}

// Read is there for the decoder's signature, which asks for ReadAt instead where there is one.
func (p *patchedReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// ReadAt reads as bytes.Reader does.
func (p *patchedReader) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.ReaderAt.ReadAt(b, off)
	for at, patch := range p.patches {
		for i, c := range patch {
			if k := at + int64(i) - off; k >= 0 && k < int64(n) {
				b[k] = c
			}
		}
	}
	return n, err
}

// unpackJPEG puts together a page whose strips or tiles are JPEGs that share their tables.
func (d tiffDir) unpackJPEG(f frame) (image.Image, error) {
	width, height := f.width, min(d.number(tagRowsPerStrip, f.height), f.height)
	at, sizes := d.numbers(tagStripOffsets), d.numbers(tagStripCounts)
	if d.where[tagTileWidth] != 0 {
		width, height = d.number(tagTileWidth, 0), d.number(tagTileHeight, 0)
		at, sizes = d.numbers(tagTileOffsets), d.numbers(tagTileCounts)
	}
	if width <= 0 || height <= 0 {
		return nil, errTIFF
	}
	across, down := (f.width+width-1)/width, (f.height+height-1)/height
	if len(at) < across*down || len(sizes) < across*down {
		return nil, errTIFF
	}
	tables, _ := d.raw(tagJPEGTables)
	// Pieces do not overlap in a sound file; in one made for it a million of them could each be the whole of it.
	all := int64(across*down) * int64(len(tables))
	for _, size := range sizes[:across*down] {
		all += int64(size)
	}
	if all > int64(len(d.data))+maxTables {
		return nil, errTIFF
	}
	out := image.NewRGBA(image.Rect(0, 0, f.width, f.height))
	for i := range across * down {
		if int64(at[i])+int64(sizes[i]) > int64(len(d.data)) {
			return nil, errTIFF
		}
		whole := joinJPEG(tables, d.data[at[i]:at[i]+sizes[i]], d.number(tagPhotometric, 0) == photometricRGB)
		c, err := jpeg.DecodeConfig(bytes.NewReader(whole))
		if err != nil || c.Width > width+64 || c.Height > height+64 {
			return nil, errors.Join(errTIFF, err)
		}
		piece, err := jpeg.Decode(bytes.NewReader(whole))
		if err != nil {
			return nil, err
		}
		draw.Draw(out, piece.Bounds().Add(image.Pt(i%across*width, i/across*height)), piece, piece.Bounds().Min, draw.Src)
	}
	return out, nil
}

// notYCbCr says in a JPEG (Adobe's APP14) that its colours are red, green and blue.
var notYCbCr = []byte("\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00")

// joinJPEG makes a whole JPEG of tables (from its start to its end mark) and an abbreviated one.
func joinJPEG(tables, data []byte, rgb bool) []byte {
	out := []byte("\xff\xd8")
	if rgb {
		out = append(out, notYCbCr...)
	}
	if len(tables) > 4 {
		out = append(out, tables[2:len(tables)-2]...)
	}
	return append(out, data[min(2, len(data)):]...)
}

// jpegOrientation is how a JPEG lies, as its camera tells (EXIF 2.3, 4.6.4): 1 where nothing is told.
func jpegOrientation(data []byte) int {
	for at := 2; at+4 <= len(data) && data[at] == 0xff; {
		kind, size := data[at+1], int(binary.BigEndian.Uint16(data[at+2:]))
		if kind == 0xda || size < 2 || at+2+size > len(data) { // the picture itself
			return 1
		}
		if exif, ok := bytes.CutPrefix(data[at+4:at+2+size], []byte("Exif\x00\x00")); kind == 0xe1 && ok && len(exif) > 8 && isTIFF(exif) {
			d, _, err := tiffAt(exif, int64(tiffOrder(exif).Uint32(exif[4:])))
			if err != nil {
				return 1
			}
			return d.number(tagOrientation, 1)
		}
		at += 2 + size
	}
	return 1
}
