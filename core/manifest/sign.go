package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"aead.dev/minisign"

	"kakoi/core"
)

// PublicKey checks signatures, SecretKey makes them.
type (
	PublicKey = minisign.PublicKey
	SecretKey = minisign.PrivateKey
)

// ErrSignature is a signature that does not fit: other bytes, another key, or no signature at all.
var ErrSignature = errors.New("signature does not fit")

// KeyID is the name of a key as minisign writes it: 16 hexadecimal digits.
func KeyID(k PublicKey) string { return fmt.Sprintf("%016X", k.ID()) }

// NewKey makes a key pair. The secret key is written in minisign's form, encrypted with the password (scrypt, takes about a second and
// 1 GB), or not encrypted where the password is empty.
func NewKey(password string) (public, secret []byte, err error) {
	pub, sec, err := minisign.GenerateKey(nil)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	if secret, err = sec.MarshalText(); err == nil && password != "" {
		secret, err = minisign.EncryptKey(password, sec)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("write key: %w", err)
	}
	return PublicKeyText(pub), append(bytes.TrimRight(secret, "\n"), '\n'), nil
}

// PublicKeyText writes a key as minisign writes it into its .pub files.
func PublicKeyText(k PublicKey) []byte {
	return fmt.Appendf(nil, "untrusted comment: minisign public key %s\n%s\n", KeyID(k), k.String())
}

// ParsePublicKey reads the content of a .pub file or its last line alone, as minisign's -P takes it.
func ParsePublicKey(text []byte) (PublicKey, error) {
	var k PublicKey
	if err := k.UnmarshalText([]byte(strings.TrimSpace(string(text)))); err != nil {
		return k, fmt.Errorf("public key: %w: %w", core.ErrCorrupt, err)
	}
	return k, nil
}

// EncryptedKey says whether a secret key needs a password.
func EncryptedKey(text []byte) bool { return minisign.IsEncrypted(bytes.TrimSpace(text)) }

// ParseSecretKey reads the content of a secret key's file, of this package or of minisign. A wrong password is core.ErrEncrypted.
func ParseSecretKey(text []byte, password string) (SecretKey, error) {
	text = bytes.TrimSpace(text)
	if !minisign.IsEncrypted(text) {
		var k SecretKey
		if err := k.UnmarshalText(text); err != nil {
			return k, fmt.Errorf("secret key: %w: %w", core.ErrCorrupt, err)
		}
		return k, nil
	}
	k, err := minisign.DecryptKey(password, text)
	if err != nil {
		return k, fmt.Errorf("secret key: %w: %w", core.ErrEncrypted, err)
	}
	return k, nil
}

// Sign signs a message. comment is signed with it and shown to who verifies; it is one line. The same key, message and comment
// give the same bytes.
func Sign(k SecretKey, message []byte, comment string) []byte {
	sig, err := SignFrom(k, bytes.NewReader(message), comment)
	if err != nil { // of a reader of memory
		panic(err)
	}
	return sig
}

// SignFrom is Sign for a message that is read to its end.
func SignFrom(k SecretKey, message io.Reader, comment string) ([]byte, error) {
	r := minisign.NewReader(message)
	if _, err := io.Copy(io.Discard, r); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return r.SignWithComments(k, comment, untrusted(k.ID())), nil
}

func untrusted(id uint64) string { return fmt.Sprintf("signature of minisign key %016X", id) }

// Verify says whether the signature is the key's, over this message, and returns the comment that was signed with it. It fails
// with ErrSignature.
func Verify(k PublicKey, message, signature []byte) (comment string, err error) {
	return VerifyFrom(k, bytes.NewReader(message), signature)
}

// VerifyFrom is Verify for a message that is read to its end.
func VerifyFrom(k PublicKey, message io.Reader, signature []byte) (comment string, err error) {
	var s minisign.Signature
	if err := s.UnmarshalText(signature); err != nil {
		return "", fmt.Errorf("read signature: %w: %w", ErrSignature, err)
	}
	if s.KeyID != k.ID() {
		return "", fmt.Errorf("signed by key %016X, not by %s: %w", s.KeyID, KeyID(k), ErrSignature)
	}
	r := minisign.NewReader(message)
	var whole bytes.Buffer
	if s.Algorithm == minisign.EdDSA { // the old form signs the message itself
		if _, err := io.Copy(&whole, io.LimitReader(r, MaxText+1)); err != nil {
			return "", fmt.Errorf("verify: %w", err)
		}
		if whole.Len() > MaxText {
			return "", fmt.Errorf("signature in minisign's old form over more than %d bytes: %w", MaxText, core.ErrTooLarge)
		}
		if !minisign.Verify(k, whole.Bytes(), signature) {
			return "", fmt.Errorf("by key %s: %w", KeyID(k), ErrSignature)
		}
		return s.TrustedComment, nil
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return "", fmt.Errorf("verify: %w", err)
	}
	if !r.Verify(k, signature) {
		return "", fmt.Errorf("by key %s: %w", KeyID(k), ErrSignature)
	}
	return s.TrustedComment, nil
}

// Signer is the ID of the key that a signature says it was made by.
func Signer(signature []byte) (id string, err error) {
	var s minisign.Signature
	if err := s.UnmarshalText(signature); err != nil {
		return "", fmt.Errorf("read signature: %w: %w", ErrSignature, err)
	}
	return fmt.Sprintf("%016X", s.KeyID), nil
}

// Canonical says whether a signature is written as Sign writes it, byte by byte: the first line is no part of what is signed, and base64 has
// more than one form for the same bytes.
func Canonical(signature []byte) bool {
	var s minisign.Signature
	if s.UnmarshalText(signature) != nil || s.UntrustedComment != untrusted(s.KeyID) {
		return false
	}
	text, err := s.MarshalText()
	return err == nil && bytes.Equal(text, signature)
}
