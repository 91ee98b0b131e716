package receipt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"kakoi/core"
	"kakoi/core/manifest"
)

const (
	format  = "kakoi-receipt"
	version = 1
	comment = "kakoi receipt 1" // signed with every receipt: the key's signature under something else is none under a receipt

	// MaxBytes is more than any receipt has: a prompt of a million characters, and the passages in it.
	MaxBytes = 64 << 20
)

// begins is how every receipt's file begins.
const begins = `{"format":"` + format + `","key":"`

// Is says whether a file that begins with these bytes is meant as a receipt.
func Is(head []byte) bool { return bytes.HasPrefix(head, []byte(begins[:len(begins)-len(`,"key":"`)])) }

// File is a receipt with its signature, as Open read it.
type File struct {
	Receipt   Receipt
	Key       manifest.PublicKey
	Signature []byte // text of a .minisig file
	Message   []byte // what is signed: the receipt in canonical form
}

// envelope is the file.
type envelope struct {
	Format    string          `json:"format"`
	Key       string          `json:"key"`
	Receipt   json.RawMessage `json:"receipt"`
	Signature string          `json:"signature"`
	Version   int             `json:"version"`
}

// Seal signs a receipt and writes the file. The same receipt and key give the same bytes.
func Seal(r Receipt, key manifest.SecretKey) ([]byte, error) {
	plain, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("write receipt: %w", err)
	}
	message, err := Canonical(plain)
	if err != nil {
		return nil, fmt.Errorf("write receipt: %w", err)
	}
	pub, ok := key.Public().(manifest.PublicKey)
	if !ok {
		return nil, fmt.Errorf("sign receipt: key of another kind: %w", core.ErrUnsupported)
	}
	return pack(message, pub, manifest.Sign(key, message, comment))
}

func pack(message []byte, key manifest.PublicKey, signature []byte) ([]byte, error) {
	plain, err := json.Marshal(envelope{format, key.String(), message, string(signature), version})
	if err != nil {
		return nil, fmt.Errorf("write receipt: %w", err)
	}
	file, err := Canonical(plain)
	if err != nil {
		return nil, fmt.Errorf("write receipt: %w", err)
	}
	return append(file, '\n'), nil
}

// Open reads a file and checks that it is whole: its form, its signature and its inner hashes. Whose key it is, is for the caller to say.
//
// Errors, each explained: core.ErrUnsupported (a later version), core.ErrTooLarge, core.ErrCorrupt with what is wrong first; where the file could be read
// nevertheless, the File is returned beside the error, to be shown as what it is.
func Open(raw []byte) (*File, error) {
	if len(raw) > MaxBytes {
		return nil, core.Explain(fmt.Errorf("receipt of %d bytes: %w", len(raw), core.ErrTooLarge), "error.receipt.large")
	}
	if !Is(raw) {
		return nil, core.Explain(fmt.Errorf("not a receipt: %w", core.ErrCorrupt), "error.receipt.none")
	}
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, broken(err, len(raw))
	}
	if e.Format == format && e.Version > version {
		return nil, core.Explain(fmt.Errorf("receipt of version %d: %w", e.Version, core.ErrUnsupported), "error.receipt.version")
	}
	var f File
	if err := f.Key.UnmarshalText([]byte(e.Key)); err != nil {
		return nil, core.Explain(fmt.Errorf("receipt: key: %w: %w", core.ErrCorrupt, err), "error.receipt.key")
	}
	var err error
	if f.Message, err = Canonical(e.Receipt); err != nil {
		return nil, broken(err, len(raw))
	}
	if err := json.Unmarshal(f.Message, &f.Receipt); err != nil {
		return nil, core.Explain(fmt.Errorf("receipt: %w: %w", core.ErrCorrupt, err), "error.receipt.content")
	}
	f.Signature = []byte(e.Signature)
	whole, err := pack(f.Message, f.Key, f.Signature)
	if err != nil {
		return nil, err
	}
	said, err := manifest.Verify(f.Key, f.Message, f.Signature)
	problems := f.Receipt.Check()
	switch {
	case len(problems) > 0: // tells more than that the signature does not fit
		return &f, problems[0].err()
	case err != nil:
		return &f, core.Explain(fmt.Errorf("receipt: %w: %w", core.ErrCorrupt, err), "error.receipt.signature")
	case said != comment:
		return &f, core.Explain(fmt.Errorf("receipt: signed as %q: %w", said, core.ErrCorrupt), "error.receipt.signature")
	case !manifest.Canonical(f.Signature):
		return &f, core.Explain(fmt.Errorf("receipt: signature is not as it was written: %w", core.ErrCorrupt), "error.receipt.signature")
	case !bytes.Equal(whole, raw):
		return &f, core.Explain(fmt.Errorf("receipt: byte %d is not as it was written: %w", differs(whole, raw), core.ErrCorrupt), "error.receipt.form", differs(whole, raw))
	}
	again, err := json.Marshal(f.Receipt) // members that this version does not know would be neither shown nor checked
	if err == nil {
		again, err = Canonical(again)
	}
	if err != nil || !bytes.Equal(again, f.Message) {
		return &f, core.Explain(fmt.Errorf("receipt: byte %d of the content is of another form: %w", differs(again, f.Message), core.ErrCorrupt), "error.receipt.content")
	}
	return &f, nil
}

// broken says where a text stops being JSON.
func broken(err error, size int) error {
	at := int64(size)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &kind):
		at = kind.Offset
	}
	return core.Explain(fmt.Errorf("receipt: %w: %w", core.ErrCorrupt, err), "error.receipt.json", at)
}

// differs is the first byte that is not the same.
func differs(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// Split gives what `minisign -V` takes: the content, its signature, and the public key, each as a file.
func (f *File) Split() (content, signature, key []byte) {
	return f.Message, f.Signature, manifest.PublicKeyText(f.Key)
}

// Fingerprint is what people compare of a key: the first 16 bytes of the SHA-256 of its text, in groups of four digits.
func Fingerprint(k manifest.PublicKey) string {
	sum := sha256.Sum256([]byte(k.String()))
	digits := hex.EncodeToString(sum[:16])
	var b bytes.Buffer
	for i := 0; i < len(digits); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(digits[i : i+4])
	}
	return b.String()
}
