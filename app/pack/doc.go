// Package pack is the form of model packs: a model, adapters or both on their way from one machine to another, as one file or as parts that fit on small
// sticks. It knows files and bytes, and nothing of models; app decides what goes in and what is put in place.
//
// # Words
//
// A Manifest says what is in a pack: Items (a model, an adapter), their Files with SHA-256, and the Parts with the SHA-256 of every piece of them. Its ID is
// the beginning of its own SHA-256: two packs of one ID hold the same. A part is one file of a pack; each begins with the whole manifest, so that any of
// them says what it belongs to, whatever it is called. A Staging is the folder in which an import grows, part by part, in any order; it remembers which
// pieces it has, and goes on there after it was interrupted.
//
// # Form
//
// A part is the line "kakoi pack\n", then version, number of the part (from 1), bytes of the manifest and of the signature, each 4 bytes with the
// lowest first, the manifest (JSON), the signature (a text, often empty), the SHA-256 of all of this, and then the part's share of the payload. The payload is the contents of
// the files, one after the other, cut into parts. A sealed part is the line "kakoi sealed pack\n", its number, the number of parts, 8 random bytes that
// are those of the manifest, the length and the text of the header of a vault (core/vault: it opens with a passphrase, Argon2id), and then such a part under the vault's key.
//
// Nothing of a part is believed before its checksum was held against it, and no file before it was read again from the disk as a whole. A checksum tells damage;
// who made a pack, only a signature does.
package pack
