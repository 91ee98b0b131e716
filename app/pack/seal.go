package pack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"kakoi/core"
	"kakoi/core/vault"
)

// Seal is the key that a pack's parts are encrypted with.
type Seal struct {
	head []byte // of the vault, as the parts hold it
	key  *vault.Key
}

// NewSeal makes a key that opens with a passphrase. Params are those of Argon2id; zero: so that it takes about a second here.
func NewSeal(pass []byte, p vault.Params) (*Seal, error) {
	if p == (vault.Params{}) {
		p = vault.Measure(time.Second)
	}
	h, key, err := vault.New(pass, p)
	if err != nil {
		return nil, fmt.Errorf("seal pack: %w", err)
	}
	head, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("seal pack: %w", err)
	}
	return &Seal{head, key}, nil
}

// Close forgets the key.
func (s *Seal) Close() { s.key.Close() }

// Keys opens sealed parts. All parts of a pack have one key: its passphrase is asked for once.
type Keys struct {
	Ask func() ([]byte, error) // the passphrase

	head []byte
	key  *vault.Key
}

// open gives the key that a header wraps: vault.ErrPassphrase, core.ErrCorrupt.
func (k *Keys) open(head []byte) (*vault.Key, error) {
	if k.key != nil && bytes.Equal(k.head, head) {
		return k.key, nil
	}
	var h vault.Header
	d := json.NewDecoder(bytes.NewReader(head))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		return nil, fmt.Errorf("header of the key: %w: %w", core.ErrCorrupt, err)
	}
	if again, err := json.Marshal(h); err != nil || !bytes.Equal(again, head) { // one text for each header: what its sum does not cover cannot differ
		return nil, fmt.Errorf("header of the key: %w", core.ErrCorrupt)
	}
	pass, err := k.Ask()
	if err != nil {
		return nil, err
	}
	key, err := h.Open(pass)
	if err != nil {
		return nil, err
	}
	k.Close()
	k.head, k.key = head, key
	return key, nil
}

// Close forgets the key.
func (k *Keys) Close() {
	if k != nil && k.key != nil {
		k.key.Close()
		k.key = nil
	}
}
