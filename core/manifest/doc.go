// Package manifest says what a set of files consists of, and proves it: a text with the path, mode, size and SHA-256 of every
// file, which can be signed, and the comparison of that text with what is there.
//
// # The text
//
// UTF-8, one thing a line, fields separated by one tab, every line ended by one line feed:
//
//	kakoi-manifest	1
//	kind	bundle
//	name	kakoi
//	version	0.8.0+gbaaac0c
//	field	KEY	VALUE                       any number, sorted by key
//	own	lib/kakoi                           folders in which every file must be listed, sorted
//	file	0755	68770992	SHA256	lib/kakoi/kakoi
//	link	../lib/kakoi/kakoi	bin/kakoi        target, path
//	end	SHA256                              of every byte before this line
//
// Files and links are sorted by path, bytewise. Paths are relative, with slashes, without "." and "..", and hold no control
// characters. There is one way to write a manifest: [Parse] refuses whatever [Manifest.Text] would not have written, so that a
// changed byte is found with or without a signature. The last line finds damage, not deceit; against that there is the
// signature.
//
// # The signature
//
// Signatures and keys are those of minisign (Ed25519 over BLAKE2b-512): what [Sign] writes, `minisign -V` accepts, and what
// `minisign -S` writes, [Verify] accepts. The comment that minisign calls trusted is signed, too.
//
// # Use
//
//	entries, err := manifest.Scan(ctx, dir, nil)
//	m := manifest.Manifest{Kind: "pack", Name: "e5", Version: "1", Entries: entries}
//	text, err := m.Text()
//	signature := manifest.Sign(key, text, "e5 1")
//	...
//	m, err := manifest.Parse(text)
//	trusted, err := manifest.Verify(public, text, signature)
//	found, err := manifest.Scan(ctx, dir, nil)
//	findings := m.Compare(found)      // empty: everything is as listed
package manifest
