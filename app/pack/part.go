package pack

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"kakoi/app/regular"
	"kakoi/core"
	"kakoi/core/vault"
)

const (
	magic       = "kakoi pack\n"
	sealedMagic = "kakoi sealed pack\n"

	fixedBytes = int64(len(magic)) + 16 + sha256.Size // of a head beside manifest and signature
	sealedHead = int64(len(sealedMagic)) + 16         // up to the key's header
	maxSigned  = 4 << 10                              // bytes of a signature that parts leave room for

	// What encryption adds: less than this at the beginning, and a tag to every chunk.
	sealRoom  = 4 << 10
	sealChunk = 64 << 10
	sealTag   = 16

	maxVault = 64 << 10 // bytes of the header of the key
)

func headBytes(manifest, signature int64) int64 { return fixedBytes + manifest + signature }

// unsealed is how much of a file of so many bytes is left when it is encrypted.
func unsealed(file int64) int64 {
	return max(0, (file-sealedHead-sealRoom)/(sealChunk+sealTag)*sealChunk)
}

// head is the beginning of a part (from 0).
func head(raw []byte, signature string, part int) []byte {
	h := []byte(magic)
	for _, n := range []int{Version, part + 1, len(raw), len(signature)} {
		h = binary.LittleEndian.AppendUint32(h, uint32(n))
	}
	h = append(append(h, raw...), signature...)
	sum := sha256.Sum256(h)
	return append(h, sum[:]...)
}

// Form is how Write writes parts.
type Form struct {
	Manifest  *Manifest
	Signature string
	Seal      *Seal                                        // nil: not encrypted
	Create    func(part int) (w io.WriteCloser, err error) // from 0
}

// FileBytes is about the size of all files of the pack.
func (f Form) FileBytes() (int64, error) {
	raw, err := f.Manifest.Encode()
	if err != nil {
		return 0, err
	}
	n := f.Manifest.Bytes() + int64(len(f.Manifest.Parts))*headBytes(int64(len(raw)), int64(len(f.Signature)))
	if f.Seal != nil {
		n += n/sealChunk*sealTag + int64(len(f.Manifest.Parts))*(sealedHead+sealRoom)
	}
	return n, nil
}

// Write writes all parts, one after the other: stage "copy". It reads the sources once more and holds them against the manifest.
func (f Form) Write(ctx context.Context, sources []Source, progress core.Progress) error {
	if len(f.Signature) > maxSigned {
		return fmt.Errorf("signature of %d bytes: %w", len(f.Signature), core.ErrTooLarge)
	}
	raw, err := f.Manifest.Encode()
	if err != nil {
		return err
	}
	w := &partWriter{form: f, raw: raw, part: -1, sum: sha256.New()}
	defer w.abandon()
	total, done := f.Manifest.Bytes(), int64(0)
	buf := make([]byte, 1<<20)
	for _, s := range sources {
		n, err := eachBlock(ctx, s, buf, func(b []byte) error {
			done += int64(len(b))
			progress.Report(core.Update{Stage: "copy", Done: min(done, total), Total: total, Note: s.Path})
			return w.write(b, s)
		})
		if err != nil {
			return err
		}
		if n != s.Bytes {
			return grown(s)
		}
	}
	return w.end()
}

// partWriter cuts a stream into parts.
type partWriter struct {
	form Form
	raw  []byte
	part int
	out  io.WriteCloser // the file
	in   io.WriteCloser // what encrypts into it; nil: nothing does
	sum  interface {
		io.Writer
		Sum([]byte) []byte
		Reset()
	}
	inPart, filled int64
}

func (w *partWriter) write(b []byte, s Source) error {
	m := w.form.Manifest
	for len(b) > 0 {
		if w.out == nil {
			if w.part+1 >= len(m.Parts) {
				return grown(s)
			}
			if err := w.begin(); err != nil {
				return err
			}
		}
		p := m.Parts[w.part]
		piece := int(w.inPart / m.Piece)
		size := min(m.Piece, p.Bytes-int64(piece)*m.Piece)
		n := min(int64(len(b)), size-w.filled)
		if _, err := w.to().Write(b[:n]); err != nil {
			return fmt.Errorf("write part %d: %w", w.part+1, err)
		}
		w.sum.Write(b[:n])
		b, w.filled, w.inPart = b[n:], w.filled+n, w.inPart+n
		if w.filled == size {
			if hex.EncodeToString(w.sum.Sum(nil)) != p.Pieces[piece] {
				return grown(s)
			}
			w.sum.Reset()
			w.filled = 0
		}
		if w.inPart == p.Bytes {
			if err := w.end(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *partWriter) to() io.Writer {
	if w.in != nil {
		return w.in
	}
	return w.out
}

func (w *partWriter) begin() (err error) {
	w.part++
	w.inPart, w.filled = 0, 0
	w.sum.Reset()
	if w.out, err = w.form.Create(w.part); err != nil {
		return err
	}
	if seal := w.form.Seal; seal != nil {
		h := []byte(sealedMagic)
		h = binary.LittleEndian.AppendUint32(h, uint32(w.part+1))
		h = binary.LittleEndian.AppendUint32(h, uint32(len(w.form.Manifest.Parts)))
		nonce, err := hex.DecodeString(w.form.Manifest.Nonce)
		if err != nil {
			return fmt.Errorf("seal part: %w", err)
		}
		h = binary.LittleEndian.AppendUint32(append(h, nonce...), uint32(len(seal.head)))
		if _, err := w.out.Write(append(h, seal.head...)); err != nil {
			return fmt.Errorf("write part %d: %w", w.part+1, err)
		}
		if w.in, err = seal.key.Seal(w.out); err != nil {
			return fmt.Errorf("seal part %d: %w", w.part+1, err)
		}
	}
	if _, err := w.to().Write(head(w.raw, w.form.Signature, w.part)); err != nil {
		return fmt.Errorf("write part %d: %w", w.part+1, err)
	}
	return nil
}

// end ends the part that is being written, if there is one.
func (w *partWriter) end() error {
	if w.out == nil {
		return nil
	}
	var err error
	if w.in != nil {
		err = w.in.Close()
	}
	err = errors.Join(err, w.out.Close())
	w.in, w.out = nil, nil
	if err != nil {
		return fmt.Errorf("write part %d: %w", w.part+1, err)
	}
	return nil
}

// abandon closes what an error left open.
func (w *partWriter) abandon() {
	if w.out != nil {
		_ = w.out.Close() // it is given up
	}
}

// Label is what stands at the beginning of a file, without a passphrase: whether it is a part of a pack at all, and of which.
type Label struct {
	Sealed bool
	Group  string // the same of all parts of a pack: its ID, or the nonce of a sealed one
	Number int    // from 0
	Parts  int
}

// Is says whether a file begins like a part of a pack.
func Is(path string) bool {
	f, _, err := regular.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, len(sealedMagic))
	n, _ := io.ReadFull(f, start) // a shorter file is none, or shows its line
	return bytes.HasPrefix(start[:n], []byte(magic)) || bytes.HasPrefix(start[:n], []byte(sealedMagic))
}

// ReadLabel reads the label of a file. The errors are those of Open.
func ReadLabel(path string) (Label, error) {
	p, err := open(path, nil, true)
	if err != nil {
		return Label{}, err
	}
	return p.Label, p.Close()
}

// Opened is one part, its head read and found sound.
type Opened struct {
	Label
	Path      string
	Manifest  *Manifest // nil only within ReadLabel
	Raw       []byte    // the manifest as it was written; a signature is over this
	Signature string
	ID        string

	file *os.File
	in   io.Reader // behind the head
}

// Close closes the file.
func (p *Opened) Close() error { return p.file.Close() }

// Open opens a part of a pack. keys open a sealed one; nil: it is core.ErrEncrypted. core.ErrUnsupported for a file that is no part of a pack,
// or one of a later Kakoi; core.ErrCorrupt for a damaged one, with a sentence that names the file.
func Open(path string, keys *Keys) (*Opened, error) { return open(path, keys, false) }

func open(path string, keys *Keys, labelOnly bool) (_ *Opened, err error) {
	f, _, err := regular.Open(path)
	if errors.Is(err, core.ErrUnsupported) {
		return nil, core.Explain(fmt.Errorf("open pack: %w", err), "error.pack.nofile", path)
	}
	if err != nil {
		return nil, core.Explain(fmt.Errorf("open pack: %w", err), "error.pack.open", path)
	}
	p := &Opened{Path: path, file: f, in: f}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open pack: %w", err)
	}
	left := info.Size()
	line := make([]byte, len(magic))
	if _, err := io.ReadFull(f, line); err != nil {
		return nil, p.foreign(err)
	}
	left -= int64(len(line))
	if string(line) != magic {
		rest := make([]byte, sealedHead-int64(len(magic)))
		if _, err := io.ReadFull(f, rest); err != nil || string(line)+string(rest[:len(sealedMagic)-len(magic)]) != sealedMagic {
			return nil, p.foreign(err)
		}
		tail := rest[len(sealedMagic)-len(magic):]
		p.Label = Label{true, hex.EncodeToString(tail[8:]), int(binary.LittleEndian.Uint32(tail)) - 1, int(binary.LittleEndian.Uint32(tail[4:]))}
		if p.Number < 0 || p.Number >= p.Parts || p.Parts > maxParts {
			return nil, p.damaged(errors.New("its number"))
		}
		if labelOnly {
			return p, nil
		}
		if left, err = p.unseal(keys); err != nil {
			return nil, err
		}
	}
	if err := p.readHead(left); err != nil {
		return nil, err
	}
	return p, nil
}

// unseal begins to decrypt, up to behind the first line.
func (p *Opened) unseal(keys *Keys) (left int64, err error) {
	size := make([]byte, 4)
	if _, err := io.ReadFull(p.file, size); err != nil || binary.LittleEndian.Uint32(size) > maxVault {
		return 0, p.damaged(err)
	}
	head := make([]byte, binary.LittleEndian.Uint32(size))
	if _, err := io.ReadFull(p.file, head); err != nil {
		return 0, p.damaged(err)
	}
	if keys == nil {
		return 0, core.Explain(fmt.Errorf("%s: %w", p.Path, core.ErrEncrypted), "error.pack.sealed", filepath.Base(p.Path))
	}
	key, err := keys.open(head)
	switch {
	case errors.Is(err, vault.ErrPassphrase):
		return 0, core.Explain(fmt.Errorf("%s: %w: %w", p.Path, core.ErrEncrypted, err), "error.pack.passphrase", filepath.Base(p.Path))
	case errors.Is(err, core.ErrCorrupt):
		return 0, p.damaged(err)
	case err != nil:
		return 0, err
	}
	if p.in, err = key.Unseal(bufio.NewReaderSize(p.file, 1<<20)); err != nil {
		return 0, p.damaged(err)
	}
	line := make([]byte, len(magic))
	if _, err := io.ReadFull(p.in, line); err != nil || string(line) != magic {
		return 0, p.damaged(err)
	}
	return -1, nil // only its end says how long it is
}

// readHead reads what follows the first line; left are the bytes of the file from there, -1 where that is not known.
func (p *Opened) readHead(left int64) error {
	fixed := make([]byte, 16)
	if _, err := io.ReadFull(p.in, fixed); err != nil {
		return p.damaged(err)
	}
	var n [4]int64
	for i := range n {
		n[i] = int64(binary.LittleEndian.Uint32(fixed[4*i:]))
	}
	rest := n[2] + n[3] + sha256.Size
	if n[2] > maxManifest || n[3] > maxSignature || left >= 0 && rest+16 > left {
		return p.damaged(fmt.Errorf("a head of %d bytes", rest))
	}
	var whole bytes.Buffer
	whole.WriteString(magic)
	whole.Write(fixed)
	if _, err := io.CopyN(&whole, p.in, rest); err != nil {
		return p.damaged(err)
	}
	b := whole.Bytes()
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return p.damaged(errors.New("checksum of the head"))
	}
	if n[0] != Version {
		return core.Explain(fmt.Errorf("%s: version %d: %w", p.Path, n[0], core.ErrUnsupported), "error.pack.version", filepath.Base(p.Path))
	}
	from := len(magic) + 16
	p.Raw = body[from : from+int(n[2])]
	p.Signature = string(body[from+int(n[2]):])
	m, err := decode(p.Raw)
	if err != nil {
		return p.damaged(err)
	}
	number := int(n[1]) - 1
	switch {
	case number < 0 || number >= len(m.Parts):
		return p.damaged(fmt.Errorf("part %d of %d", n[1], len(m.Parts)))
	case p.Sealed && (p.Group != m.Nonce || p.Number != number || p.Parts != len(m.Parts)):
		return p.damaged(errors.New("label and head differ"))
	case left >= 0 && left-16-rest != m.Parts[number].Bytes:
		p.Number, p.Parts = number, len(m.Parts)
		return core.Explain(fmt.Errorf("%s: %d bytes behind the head, want %d: %w", p.Path, left-16-rest, m.Parts[number].Bytes, core.ErrCorrupt), "error.pack.cut", filepath.Base(p.Path), number+1, len(m.Parts))
	}
	p.Manifest, p.ID = m, ID(p.Raw)
	if !p.Sealed {
		p.Label = Label{Group: p.ID, Number: number, Parts: len(m.Parts)}
	}
	return nil
}

func (p *Opened) foreign(err error) error {
	if err == nil {
		err = errors.New("its first line")
	}
	return core.Explain(fmt.Errorf("%s is no pack: %w: %w", p.Path, core.ErrUnsupported, err), "error.pack.foreign", filepath.Base(p.Path))
}

func (p *Opened) damaged(err error) error {
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return core.Explain(fmt.Errorf("%s: %w: %w", p.Path, core.ErrCorrupt, err), "error.pack.head", filepath.Base(p.Path))
}

// pieces gives the pieces of the part that want asks for, in order, each held against its checksum. b is valid until do returns.
func (p *Opened) pieces(ctx context.Context, want func(piece int) bool, do func(piece int, b []byte) error) error {
	part := p.Manifest.Parts[p.Number]
	buf := make([]byte, min(p.Manifest.Piece, part.Bytes))
	for i, sum := range part.Pieces {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(p.Manifest.Piece, part.Bytes-int64(i)*p.Manifest.Piece)
		if !want(i) {
			if err := p.skip(n); err != nil {
				return p.bad(err)
			}
			continue
		}
		if _, err := io.ReadFull(p.in, buf[:n]); err != nil {
			return p.bad(err)
		}
		if got := sha256.Sum256(buf[:n]); hex.EncodeToString(got[:]) != sum {
			return p.bad(fmt.Errorf("piece %d: checksum", i+1))
		}
		if err := do(i, buf[:n]); err != nil {
			return err
		}
	}
	switch n, err := io.ReadFull(p.in, make([]byte, 1)); {
	case n != 0:
		return p.bad(errors.New("more than was written"))
	case !errors.Is(err, io.EOF):
		return p.bad(err)
	}
	return nil
}

func (p *Opened) skip(n int64) error {
	if !p.Sealed {
		_, err := p.file.Seek(n, io.SeekCurrent)
		return err
	}
	_, err := io.CopyN(io.Discard, p.in, n)
	return err
}

// bad names the part that something is wrong with. A stick that was pulled out is not damage of the file, but nothing tells the two apart.
func (p *Opened) bad(err error) error {
	return core.Explain(fmt.Errorf("%s, part %d of %d: %w: %w", p.Path, p.Number+1, p.Parts, core.ErrCorrupt, err), "error.pack.damaged", filepath.Base(p.Path), p.Number+1, p.Parts)
}
