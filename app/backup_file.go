package app

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"time"

	"kakoi/core"
)

// The form of a backup, and of what is in a capsule: a line that names it, then frames, each a type, the length of its payload, the payload and a CRC-32C over all
// three. The last frame holds counts and the SHA-256 of everything before it.
const (
	backupMagic   = "kakoi backup\n"
	backupVersion = 1 // of the header's frame and of what follows; a later one is refused

	maxFrame = 16 << 20
)

// frameForm is what is in frames: the line before them, the highest version that is read, and the keys of what is said about a file that is none, damaged, or of a later Kakoi.
type frameForm struct {
	magic   string
	version int

	foreign, damaged, newer string
}

var backupForm = frameForm{backupMagic, backupVersion, "error.backup.foreign", "error.backup.damaged", "error.backup.newer"}

// Types of frames.
const (
	frameHeader  = 'H' // BackupHeader
	frameValues  = 'V' // packed: keys and values of the library, each after its length
	frameKept    = 'd' // a document's values end here
	frameChanged = 'x' // it was changed meanwhile: its values since the last end count for nothing, and come again
	frameFile    = 'F' // backupFile: a file of the data folder begins
	frameBytes   = 'B' // packed: bytes of it
	frameGraph   = 'g' // of a capsule: the values of a vector index end here
	frameNoGraph = 'y' // of a capsule: it was changed meanwhile, its values since the last end count for nothing
	frameEnd     = 'E' // BackupEnd
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// BackupHeader begins a backup.
type BackupHeader struct {
	Version int       `json:"version"`
	Program string    `json:"program"`
	Made    time.Time `json:"made"`

	// Of a capsule: whether it is of everything, and the embedder in use.
	Whole      bool   `json:"whole,omitempty"`
	Embedder   string `json:"embedder,omitempty"`
	EmbedderID string `json:"embedder_id,omitempty"`
}

// BackupCount says what is in a backup.
type BackupCount struct {
	Collections   int `json:"collections"`
	Documents     int `json:"documents"`
	Chunks        int `json:"chunks"`
	Conversations int `json:"conversations"`
	Datasets      int `json:"datasets"`
	Adapters      int `json:"adapters"`

	// Of a capsule.
	Corrections int `json:"corrections,omitempty"`
	Exams       int `json:"exams,omitempty"`
	Runs        int `json:"runs,omitempty"`
	Graphs      int `json:"graphs,omitempty"` // vector indexes
}

type backupEnd struct {
	Count  BackupCount `json:"count"`
	SHA256 string      `json:"sha256"`
}

type backupFile struct {
	Path string `json:"path"` // below the data folder, with slashes
	Size int64  `json:"size"`
}

// frameWriter writes the frames of a backup.
type frameWriter struct {
	w     io.Writer
	sum   hash.Hash
	n     int64
	flate *flate.Writer
	plain []byte
}

func newFrameWriter(w io.Writer, magic string) (*frameWriter, error) {
	f, err := flate.NewWriter(io.Discard, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	out := &frameWriter{w: w, sum: sha256.New(), flate: f}
	return out, out.raw([]byte(magic))
}

func (w *frameWriter) raw(b []byte) error {
	w.sum.Write(b)
	n, err := w.w.Write(b)
	w.n += int64(n)
	return err
}

func (w *frameWriter) frame(kind byte, payload []byte) error {
	head := binary.LittleEndian.AppendUint32([]byte{kind}, uint32(len(payload)))
	sum := crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, payload)
	return errors.Join(w.raw(head), w.raw(payload), w.raw(binary.LittleEndian.AppendUint32(nil, sum)))
}

func (w *frameWriter) json(kind byte, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.frame(kind, text)
}

// asIs writes a payload that would hardly shrink in the form that packed gives such.
func (w *frameWriter) asIs(kind byte, payload []byte) error {
	w.plain = append(append(w.plain[:0], 0), payload...)
	return w.frame(kind, w.plain)
}

// packed writes a payload deflated, or as it is where that is shorter: vectors hardly shrink.
func (w *frameWriter) packed(kind byte, payload []byte) error {
	var b bytes.Buffer
	b.WriteByte(1)
	w.flate.Reset(&b)
	if _, err := w.flate.Write(payload); err != nil {
		return err
	}
	if err := w.flate.Close(); err != nil {
		return err
	}
	if b.Len() > len(payload) {
		b.Reset()
		b.WriteByte(0)
		b.Write(payload)
	}
	return w.frame(kind, b.Bytes())
}

func (w *frameWriter) end(c BackupCount) error {
	return w.json(frameEnd, backupEnd{c, hex.EncodeToString(w.sum.Sum(nil))})
}

var errBadBackup = fmt.Errorf("backup is not what was written: %w", core.ErrCorrupt)

// explain gives an error of a damaged file its sentence; nil and a file that ends too early are such.
func (f frameForm) explain(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errBadBackup
	}
	var said *core.UserError
	if errors.Is(err, core.ErrCorrupt) && !errors.As(err, &said) {
		err = core.Explain(err, f.damaged)
	}
	return err
}
