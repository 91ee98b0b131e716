package vault

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/text/unicode/norm"

	"kakoi/core"
)

// Name is the header's file in the data folder, CopyName a second one: without either nothing under the key can be read again.
const (
	Name     = "vault.json"
	CopyName = "vault-copy.json"
)

// headerFormat is the version of Header; another one is refused.
const headerFormat = "kakoi vault 1"

// ErrPassphrase is a passphrase, or a recovery code, that does not open the vault.
var ErrPassphrase = errors.New("wrong passphrase")

// Header says how to get the data key of a vault. It has no secret that a good passphrase does not protect.
type Header struct {
	Format string `json:"format"`
	ID     []byte `json:"id"` // 16 bytes
	Slots  []slot `json:"slots"`
	Sum    []byte `json:"sum"` // SHA-256 of what is before, so that damage is told from a wrong passphrase
}

const (
	slotPassphrase = "passphrase"
	slotRecovery   = "recovery"
)

// slot is the data key, wrapped for one way to open it.
type slot struct {
	Kind   string  `json:"kind"`
	Params *Params `json:"argon2id,omitempty"`
	Salt   []byte  `json:"salt"`  // 32 bytes
	Nonce  []byte  `json:"nonce"` // 24 bytes
	Key    []byte  `json:"key"`   // 32 bytes and the tag
}

// New makes a vault with a new random data key that opens with pass. core.ErrUsage for an empty one.
func New(pass []byte, p Params) (Header, *Key, error) {
	k, err := randomKey()
	if err != nil {
		return Header{}, nil, err
	}
	h := Header{Format: headerFormat, ID: bytes.Clone(k.id[:])}
	s, err := h.wrap(k, pass, p)
	if err != nil {
		k.Close()
		return Header{}, nil, err
	}
	h.Slots = []slot{s}
	return h.summed(), k, nil
}

// Open unwraps the data key: ErrPassphrase, core.ErrCorrupt for a damaged header. It takes the second that Params were measured to.
func (h Header) Open(pass []byte) (*Key, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	text, err := normal(pass)
	if err != nil {
		return nil, wrong("error.vault.passphrase")
	}
	defer clear(text)
	for _, s := range h.Slots {
		if s.Kind != slotPassphrase {
			continue
		}
		wrapping := argon2.IDKey(text, s.Salt, s.Params.Time, s.Params.MemoryKiB, s.Params.Threads, keySize)
		k, err := h.unwrap(s, wrapping)
		clear(wrapping)
		if err == nil {
			return k, nil
		}
	}
	return nil, wrong("error.vault.passphrase")
}

// OpenRecovery unwraps the data key with a recovery code: ErrPassphrase.
func (h Header) OpenRecovery(code string) (*Key, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	secret, err := parseCode(code)
	if err != nil {
		return nil, wrong("error.vault.recovery")
	}
	defer clear(secret)
	for _, s := range h.Slots {
		if s.Kind != slotRecovery {
			continue
		}
		wrapping, err := recoveryKey(secret, s.Salt)
		if err != nil {
			return nil, err
		}
		k, err := h.unwrap(s, wrapping)
		clear(wrapping)
		if err == nil {
			return k, nil
		}
	}
	return nil, wrong("error.vault.recovery")
}

func wrong(key string) error { return core.Explain(fmt.Errorf("open vault: %w", ErrPassphrase), key) }

// Rewrap gives a header of the same data key that opens with newPass instead, and with the recovery code as before.
func (h Header) Rewrap(k *Key, newPass []byte, p Params) (Header, error) {
	if err := h.belongs(k); err != nil {
		return Header{}, err
	}
	s, err := h.wrap(k, newPass, p)
	if err != nil {
		return Header{}, err
	}
	return h.with(slotPassphrase, &s), nil
}

// AddRecovery gives a header that a new recovery code opens too, and the code, which is nowhere else. An earlier code opens it no more.
func (h Header) AddRecovery(k *Key) (Header, string, error) {
	if err := h.belongs(k); err != nil {
		return Header{}, "", err
	}
	secret := make([]byte, codeBytes)
	_, _ = rand.Read(secret)
	defer clear(secret)
	s := slot{Kind: slotRecovery, Salt: make([]byte, 32)}
	_, _ = rand.Read(s.Salt)
	wrapping, err := recoveryKey(secret, s.Salt)
	if err != nil {
		return Header{}, "", err
	}
	if err := h.fill(&s, k, wrapping); err != nil {
		return Header{}, "", err
	}
	return h.with(slotRecovery, &s), formatCode(secret), nil
}

// RemoveRecovery gives a header that no recovery code opens.
func (h Header) RemoveRecovery() Header { return h.with(slotRecovery, nil) }

// HasRecovery says whether a recovery code was made.
func (h Header) HasRecovery() bool {
	for _, s := range h.Slots {
		if s.Kind == slotRecovery {
			return true
		}
	}
	return false
}

// with replaces the slots of a kind.
func (h Header) with(kind string, s *slot) Header {
	out := Header{Format: h.Format, ID: h.ID}
	for _, have := range h.Slots {
		if have.Kind != kind {
			out.Slots = append(out.Slots, have)
		}
	}
	if s != nil {
		out.Slots = append(out.Slots, *s)
	}
	return out.summed()
}

func (h Header) belongs(k *Key) error {
	if err := h.check(); err != nil {
		return err
	}
	if k == nil || !bytes.Equal(k.id[:], h.ID) {
		return fmt.Errorf("key of another vault: %w", core.ErrUsage)
	}
	return nil
}

// wrap makes the slot of a passphrase.
func (h Header) wrap(k *Key, pass []byte, p Params) (slot, error) {
	text, err := normal(pass)
	if err != nil {
		return slot{}, err
	}
	defer clear(text)
	if err := p.check(); err != nil {
		return slot{}, err
	}
	s := slot{Kind: slotPassphrase, Params: &p, Salt: make([]byte, 32)}
	_, _ = rand.Read(s.Salt)
	wrapping := argon2.IDKey(text, s.Salt, p.Time, p.MemoryKiB, p.Threads, keySize)
	err = h.fill(&s, k, wrapping)
	return s, err
}

// fill encrypts the data key, and clears the wrapping key.
func (h Header) fill(s *slot, k *Key, wrapping []byte) error {
	defer clear(wrapping)
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.closed {
		return fmt.Errorf("key: %w", os.ErrClosed)
	}
	if k.root == [keySize]byte{} {
		return fmt.Errorf("a key of files alone: %w", core.ErrUsage)
	}
	aead, err := chacha20poly1305.NewX(wrapping)
	if err != nil {
		return err
	}
	s.Nonce = make([]byte, aead.NonceSize())
	_, _ = rand.Read(s.Nonce)
	s.Key = aead.Seal(nil, s.Nonce, k.root[:], h.bound(*s))
	return nil
}

func (h Header) unwrap(s slot, wrapping []byte) (*Key, error) {
	aead, err := chacha20poly1305.NewX(wrapping)
	if err != nil {
		return nil, err
	}
	root, err := aead.Open(nil, s.Nonce, s.Key, h.bound(s))
	if err != nil {
		return nil, ErrPassphrase
	}
	defer clear(root)
	return newKey([idSize]byte(h.ID), root)
}

// bound is what a wrapped key is authenticated with.
func (h Header) bound(s slot) []byte {
	var out []byte
	part := func(b []byte) {
		out = append(binary.LittleEndian.AppendUint32(out, uint32(len(b))), b...)
	}
	part([]byte(h.Format))
	part(h.ID)
	part([]byte(s.Kind))
	part(s.Salt)
	if p := s.Params; p != nil {
		for _, n := range []uint32{argon2.Version, p.Time, p.MemoryKiB, uint32(p.Threads)} {
			out = binary.LittleEndian.AppendUint32(out, n)
		}
	}
	return out
}

// summed fills in the sum.
func (h Header) summed() Header {
	h.Sum = h.sum()
	return h
}

func (h Header) sum() []byte {
	h.Sum = nil
	text, err := json.Marshal(h)
	if err != nil {
		panic(fmt.Sprintf("vault: header: %v", err)) // plain fields
	}
	sum := sha256.Sum256(text)
	return sum[:]
}

// check says whether a header is whole and its parameters are ones that this program would use.
func (h Header) check() error {
	bad := func(what string) error {
		return core.Explain(fmt.Errorf("vault header: %s: %w", what, core.ErrCorrupt), "error.vault.header")
	}
	if h.Format != headerFormat {
		if strings.HasPrefix(h.Format, "kakoi vault ") && bytes.Equal(h.Sum, h.sum()) {
			return core.Explain(fmt.Errorf("vault header %q: %w", h.Format, core.ErrUnsupported), "error.vault.format")
		}
		return bad("format")
	}
	if !bytes.Equal(h.Sum, h.sum()) {
		return bad("sum")
	}
	if len(h.ID) != idSize || len(h.Slots) == 0 {
		return bad("id or slots")
	}
	seen := map[string]bool{} // a second one of a kind, or many, would cost the time of each
	for _, s := range h.Slots {
		if seen[s.Kind] {
			return bad("slots")
		}
		seen[s.Kind] = true
		if len(s.Salt) != 32 || len(s.Nonce) != chacha20poly1305.NonceSizeX || len(s.Key) != keySize+chacha20poly1305.Overhead {
			return bad("lengths")
		}
		if s.Kind == slotPassphrase && (s.Params == nil || s.Params.check() != nil) {
			return bad("parameters")
		}
	}
	return nil
}

// Load reads the header of a data folder; there is false when it has none, which is a folder that is not encrypted. Where the first of the two files is
// damaged or gone the second counts. core.ErrCorrupt when neither can be read.
func Load(dir string) (h Header, there bool, err error) {
	for _, name := range []string{Name, CopyName} {
		text, rerr := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(rerr, fs.ErrNotExist) {
			continue
		}
		there = true
		var one Header
		if rerr == nil {
			if one, rerr = parse(text); rerr == nil {
				return one, true, nil
			}
		}
		err = errors.Join(err, rerr)
	}
	return Header{}, there, err
}

func parse(text []byte) (h Header, err error) {
	if json.Unmarshal(text, &h) != nil {
		h = Header{}
	}
	return h, h.check()
}

// Save writes the header into a data folder: first the one file, then the other, each whole or not at all, on the disk when it returns.
func (h Header) Save(dir string) error {
	if err := h.check(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(h, "", " ")
	if err != nil {
		return fmt.Errorf("save vault header: %w", err)
	}
	for _, name := range []string{Name, CopyName} {
		if err := writeWhole(filepath.Join(dir, name), append(text, '\n')); err != nil {
			return fmt.Errorf("save vault header: %w", err)
		}
	}
	return nil
}

// Mend writes the second file of a header where it is not as the first (a Save was interrupted) or the first where it cannot be read. The process that owns the folder calls it.
func Mend(dir string) error {
	h, there, err := Load(dir)
	if err != nil || !there {
		return err
	}
	first, err1 := os.ReadFile(filepath.Join(dir, Name))
	second, err2 := os.ReadFile(filepath.Join(dir, CopyName))
	if err1 == nil && err2 == nil && bytes.Equal(first, second) {
		return nil
	}
	return h.Save(dir)
}

// Remove deletes the header: nothing under the key can be read any more.
func Remove(dir string) error {
	for _, name := range []string{CopyName, Name} { // the one that counts goes last
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove vault header: %w", err)
		}
	}
	return syncPath(dir)
}

// normal gives a passphrase as it counts: NFKC, without spaces around it. core.ErrUsage for an empty one.
func normal(pass []byte) ([]byte, error) {
	text := norm.NFKC.Bytes(bytes.Clone(pass)) // which may give its argument back: it is the caller's
	out := bytes.Clone(bytes.TrimSpace(text))
	clear(text)
	if len(out) == 0 {
		return nil, core.Explain(fmt.Errorf("empty passphrase: %w", core.ErrUsage), "error.vault.empty")
	}
	return out, nil
}

// codeBytes are 160 bits: 32 letters.
const codeBytes = 20

func recoveryKey(secret, salt []byte) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, salt, "kakoi recovery", keySize)
}

// formatCode writes a code as eight groups of four letters and digits (RFC 4648 base32: no 0, 1, 8 or 9), and one of three that checks the others.
func formatCode(secret []byte) string {
	text := base32.StdEncoding.EncodeToString(secret)
	var groups []string
	for ; len(text) > 0; text = text[4:] {
		groups = append(groups, text[:4])
	}
	return strings.Join(append(groups, codeCheck(secret)), "-")
}

func codeCheck(secret []byte) string {
	sum := sha256.Sum256(append([]byte("kakoi recovery code "), secret...))
	return base32.StdEncoding.EncodeToString(sum[:])[:3]
}

// parseCode reads a code however it is spaced and cased.
func parseCode(code string) ([]byte, error) {
	text := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z', r >= '2' && r <= '7':
			return r
		case r == '0': // as they are misread
			return 'O'
		case r == '1':
			return 'I'
		case r == '8':
			return 'B'
		}
		return -1
	}, strings.ToUpper(norm.NFKC.String(code)))
	if len(text) != 35 {
		return nil, fmt.Errorf("recovery code of %d letters: %w", len(text), core.ErrUsage)
	}
	secret, err := base32.StdEncoding.DecodeString(text[:32])
	if err != nil || codeCheck(secret) != text[32:] {
		return nil, fmt.Errorf("recovery code: %w", core.ErrUsage)
	}
	return secret, nil
}
