// Package store is the library folder: a Badger database with Kakoi's key layout, a checksum in every
// value, a guard against a full disk, and erasure that leaves no bytes behind. It is the only importer of Badger.
//
// # Keys
//
// Keys are text, segments divided by "/"; the kind comes first so that a search loads its own kind in one
// pass, then the collection and the document so that a removal is a handful of prefixes:
//
//	m/NAME/                                 meta: format version
//	c/COLLECTION/                           a collection
//	s/COLLECTION/                           its counters
//	h/COLLECTION/DOCUMENT/                  head of a document: current generation, core.Document
//	w/COLLECTION/DOCUMENT/GENERATION/       work to finish: a draft, or an erasure (generation 0: the whole document)
//	i/COLLECTION/DOCUMENT/GENERATION/N/PART/   what a generation holds
//	p/...  pages    k/...  blocks of chunks    v/...  batches of vectors    x/...  lexical segments
//	g/COLLECTION/EMBEDDER/VERSION/N/PART/   neighbours of a vector index; version 0 is its header
//	q/COLLECTION/EMBEDDER/BLOCK/VERSION/PART/   its codes
//	r/KIND/ID/                              records (jobs, conversations)
//	z/COLLECTION/DOCUMENT/                  name and source once more: a damaged block that takes the head takes neighbours, not these
//
// # Values
//
// A value is its payload followed by CRC-32C over key and payload: Badger's own block checksums hide damaged
// keys, these name them. Badger keeps values above 1 MiB elsewhere, where nothing is ever erased, so payloads are
// at most MaxPayload bytes; longer ones go through PutLong, which cuts them into parts.
//
// # Durability
//
// Every write is on disk when it returns (SyncWrites). Writes are refused with core.ErrNoSpace while the disk still
// has Options.Reserve bytes: Badger writes through memory maps, and a map that finds no space kills the process.
package store
