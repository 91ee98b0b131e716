package vault

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestKnownAnswers: what is built upon is what was published.
func TestKnownAnswers(t *testing.T) {
	// The reference implementation's test.c, version 19: password, somesalt.
	for _, c := range []struct {
		time, memory uint32
		threads      uint8
		want         string
	}{
		{2, 256, 1, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"},
		{2, 256, 2, "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"},
		{2, 65536, 1, "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"},
	} {
		if got := argon2.IDKey([]byte("password"), []byte("somesalt"), c.time, c.memory, c.threads, 32); !bytes.Equal(got, unhex(t, c.want)) {
			t.Errorf("argon2id t=%d m=%d p=%d: %x", c.time, c.memory, c.threads, got)
		}
	}
	// RFC 5869, A.1.
	got, err := hkdf.Key(sha256.New, bytes.Repeat([]byte{0x0b}, 22), unhex(t, "000102030405060708090a0b0c"), string(unhex(t, "f0f1f2f3f4f5f6f7f8f9")), 42)
	if err != nil || hex.EncodeToString(got) != "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865" {
		t.Errorf("HKDF: %x %v", got, err)
	}
	// draft-irtf-cfrg-xchacha-03, A.3.1, and RFC 8439, 2.8.2: one text under both.
	text := []byte("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.")
	key := unhex(t, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f")
	extra := unhex(t, "50515253c0c1c2c3c4c5c6c7")
	x, err := chacha20poly1305.NewX(key)
	if err != nil {
		t.Fatal(err)
	}
	if got := x.Seal(nil, unhex(t, "404142434445464748494a4b4c4d4e4f5051525354555657"), text, extra); hex.EncodeToString(got) != "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52e"+"c0875924c1c7987947deafd8780acf49" {
		t.Errorf("XChaCha20-Poly1305: %x", got)
	}
	c, err := chacha20poly1305.New(key)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Seal(nil, unhex(t, "070000004041424344454647"), text, extra); hex.EncodeToString(got[len(got)-16:]) != "1ae10b594f09e26a7e902ecbd0600691" {
		t.Errorf("ChaCha20-Poly1305: %x", got)
	}
}
