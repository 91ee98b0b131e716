package app

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"kakoi/core"
	"kakoi/core/vault"
)

// A sealed file opens with a passphrase and nothing else: a line that names it, the length of a vault's header and the header, then everything else under the
// vault's key (vault.Key.Seal). Capsules and the backups of encrypted libraries are such files. Each byte of it is covered: by the line, by the header's sum or by
// the key.
const (
	sealedCapsule = "kakoi capsule 1\n"
	sealedBackup  = "kakoi sealed backup 1\n"

	maxSealedHead = 64 << 10
)

// seal writes the head of a sealed file; what is written into it then is encrypted into w. Close writes its end and leaves w open.
func seal(w io.Writer, kind string, h vault.Header, k *vault.Key) (io.WriteCloser, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if k == nil {
		return nil, fmt.Errorf("seal without a key: %w", core.ErrUsage)
	}
	head := binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(text)))
	if _, err := w.Write(append(head, text...)); err != nil {
		return nil, err
	}
	return k.Seal(w)
}

// errForeign is what a file of another kind is.
var errForeign = fmt.Errorf("not such a file: %w", core.ErrUnsupported)

// sealedHead reads the head of a sealed file: errForeign, core.ErrCorrupt.
func sealedHead(r io.Reader, kind string) (h vault.Header, err error) {
	line := make([]byte, len(kind)+4)
	n, err := io.ReadFull(r, line)
	cut := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case err != nil && !cut:
		return h, err
	case n < len(kind) || string(line[:len(kind)]) != kind:
		return h, errForeign
	case cut:
		return h, fmt.Errorf("head is cut: %w", core.ErrCorrupt)
	}
	size := binary.LittleEndian.Uint32(line[len(kind):])
	if size > maxSealedHead {
		return h, fmt.Errorf("head of %d bytes: %w", size, core.ErrCorrupt)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return h, fmt.Errorf("head is cut: %w", core.ErrCorrupt)
	} else if err != nil {
		return h, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		return h, fmt.Errorf("head: %w: %w", core.ErrCorrupt, err)
	}
	if again, err := json.Marshal(h); err != nil || !bytes.Equal(again, text) { // one text for each head: what the sum does not cover cannot differ
		return h, fmt.Errorf("head: %w", core.ErrCorrupt)
	}
	return h, nil
}

// unseal gives what is in a sealed file behind its head.
func unseal(r io.Reader, k *vault.Key) (io.Reader, error) {
	in, err := k.Unseal(bufio.NewReaderSize(r, 1<<20))
	if errors.Is(err, vault.ErrPlain) || errors.Is(err, vault.ErrOther) { // damaged just behind the head
		err = fmt.Errorf("%w: %w", core.ErrCorrupt, err)
	}
	return in, err
}
