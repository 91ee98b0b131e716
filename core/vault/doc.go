// Package vault encrypts what lies in the data folder: a random data key, wrapped by a passphrase, and files of authenticated chunks under it.
//
// # The key
//
// DATA/vault.json holds a Header: the data key (32 random bytes), wrapped once for each way to open it. A passphrase (as NFKC, so that letters typed
// in full width count as the same) goes through Argon2id (RFC 9106, version 19) with parameters that were measured on the machine; what comes out encrypts the
// data key with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), authenticating the parameters. A recovery code is 160 random bits, which need no
// stretching: HKDF-SHA256 makes the wrapping key of them. A change of passphrase wraps the same data key anew and touches nothing else.
// What is under the key uses subkeys (HKDF-SHA256, RFC 5869): one for the library's store, one for files.
//
// # Files
//
// All numbers are little-endian.
//
//	magic "KAKOIENC1", kind (1 byte: 'F' whole file, 'A' appended), vault id (16 bytes), nonce (32 random bytes)
//
// The file's own key is HKDF-SHA256(files key, salt: nonce, info: "file" and the kind). A whole file ('F') is cut into chunks of 64 KiB of text, each encrypted by
// ChaCha20-Poly1305 (RFC 8439), which adds 16 bytes. The nonce of a chunk is its number (11 bytes) and a last byte that is 1 for the last chunk and 0 before (the STREAM construction
// of Hoang, Reyhanitabar, Rogaway and Vizár, 2015): a chunk that is missing, moved, doubled or of another file does not open. Only an empty file has an empty chunk.
// The file's name is not authenticated: files may be moved, and whoever can write to the disk can put one encrypted file in another's place, or an older version of it.
//
// An appended file ('A') is a row of records, each of which counts once it is whole:
//
//	length of the text (4 bytes), check (4 bytes), nonce (24 random bytes), text, tag (16 bytes)
//
// XChaCha20-Poly1305 authenticates length and number of the record; the check is the beginning of HMAC-SHA256 (file's key) over both, so that a
// damaged length is told from a torn end. A record that a crash left half written is dropped; that whole records are missing at the end cannot be seen.
//
// A nil *Key stands for "not encrypted": everything then reads and writes plain files, so that callers have no branches.
package vault
