package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"kakoi/core"
	"kakoi/core/manifest"
)

// packSignature is a pack's signature as its parts hold it: minisign's, with the public key that checks it. That tells who holds the key, not who that is: whoever
// has the key from its owner compares the two.
type packSignature struct {
	Key       string `json:"key"`
	Signature string `json:"signature"`
}

// SignPacks signs manifests of packs with a key. comment is signed with it and shown to who imports.
func SignPacks(k manifest.SecretKey, comment string) (func(text []byte) (string, error), error) {
	public, ok := k.Public().(manifest.PublicKey)
	if !ok {
		return nil, fmt.Errorf("sign pack: a key without its public half: %w", core.ErrUnsupported)
	}
	return func(text []byte) (string, error) {
		raw, err := json.Marshal(packSignature{string(manifest.PublicKeyText(public)), string(manifest.Sign(k, text, comment))})
		return string(raw), err
	}, nil
}

// packSigner says who signed the manifest of a pack: "" for none. want is the key that it has to be; nil: any. A signature that does not fit is core.ErrCorrupt.
func packSigner(text []byte, signature string, want *manifest.PublicKey) (string, error) {
	bad := func(err error) error {
		return core.Explain(fmt.Errorf("signature of a pack: %w: %w", core.ErrCorrupt, err), "error.pack.signature")
	}
	if signature == "" {
		if want != nil {
			return "", bad(errors.New("there is none"))
		}
		return "", nil
	}
	var s packSignature
	if err := json.Unmarshal([]byte(signature), &s); err != nil {
		return "", bad(err)
	}
	key, err := manifest.ParsePublicKey([]byte(s.Key))
	if err != nil {
		return "", bad(err)
	}
	if want != nil {
		key = *want
	}
	comment, err := manifest.Verify(key, text, []byte(s.Signature))
	if err != nil {
		return "", bad(err)
	}
	return strings.TrimSpace(manifest.KeyID(key) + " " + comment), nil
}
