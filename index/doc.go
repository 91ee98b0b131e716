// Package index is the library: collections of documents with their pages, chunks and vectors, kept by index/store,
// and two searches over them, dense (exact cosine) and lexical (BM25).
//
// # Words
//
// A document is stored in generations. Begin writes the text of a new generation beside the current one and gives a
// Draft that has the vectors of chunks whose text is known, from the generation before or from other documents; PutVectors adds vectors;
// Commit makes the generation current in one transaction and erases the one before; CommitLate leaves that to Tidy, for many at once.
// Until then searches see the old generation. A draft survives a crash: Begin with the same content goes on with it.
// What a crash leaves half written or half erased is finished by Open.
//
// # Memory
//
// Nothing is loaded by Open. The first dense search of a collection loads its vectors (float32 in memory, float16 on
// disk), the first lexical search its segments; Commit and Remove keep both up to date afterwards. From 100,000 chunks of one
// embedder the vectors stay on disk, and dense search walks a graph over their codes (package hnsw), about 540 bytes
// for a chunk of 384 numbers; its snapshot is brought up to date with the heads when it is loaded. BuildGraphs makes the graph, document by
// document, beside everything else: what is not linked yet is looked at vector by vector, as below the bound.
//
// # Languages
//
// A dense search that is told the question (Query.Asked) reads the cosines of passages in another script than the question's by their own mean and spread, and
// needs the segments too, which know the script of each chunk; see script.go. It looks for the question's words in both languages, by a word list (package gloss,
// unpacked at the first search: half a second and about 40 MB, kept); see dictionary.go and said.go.
//
// # Damage
//
// Salvage makes a new library of what can be read of a damaged folder, Mend puts right what belongs together and lists what is not whole,
// Export gives everything for a backup while the library is in use. docs/decisions/0026 says what each finds and what not.
//
// # Locks
//
// Index.writing serialises everything that changes the library; live.mu guards what searches read. A search holds live.mu
// until it has fetched the texts of its hits, and Commit erases an old generation only after it had live.mu: so no hit
// ever points to an erased text.
package index
