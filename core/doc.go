// Package core is Kakoi's vocabulary: the nouns every other package speaks of, the two
// interfaces behind which the engine process stands (Embedder, Generator), progress and
// the sentinel errors. It uses the standard library only and does no work of its own.
//
// # Words
//
// A Collection holds Documents. A Document has Pages and Chunks; a Chunk is a stretch of one
// Page and has one Vector per Embedder. A Hit is a Chunk with a score; a Passage is what is
// shown to the model: one or more overlapping Chunks of a page, joined. A Question gets an
// Answer, and an Answer has Citations. An Adapter is LoRA weights with their lineage, a Run is one
// training, an Exam is held-out questions and their scores.
//
// # The house
//
//	cmd/kakoi             command line, single instance, composition root of the user's process
//	cmd/kakoi-engine      composition root of the engine process (the only one with libtorch)
//	ui                    the window: frame, navigation, notices, strip of jobs; composes the screens
//	ui/chat, library, models, settings, help, welcome    one screen each: a view over a plain-Go model
//	ui/lock               what is shown while the library is locked by a passphrase
//	ui/widget             domain-free widgets; ui/theme: colours and fonts; ui/place: names of what can be shown
//	ui/uitest             drives the real window in tests
//	app                   use-cases: Library, Chat, Conversations, Datasets, Models, Folders, Pages, Doctor; no Badger, no libtorch, no terminal
//	app/amount            times and sizes written for people
//	app/job               one runner for long work: start, progress, cancel, wait
//	app/settings          typed, versioned settings with Validate
//	app/record            conversations, corrections, datasets: typed records on the library's store
//	app/paper             PDF files of text, for export
//	app/pack              model packs: one checksummed file, or parts for small sticks
//	app/proof             the report for a security officer
//	core                  this package
//	core/ingest           file -> Pages -> Chunks, and what could not be read
//	core/ocr              text of pictures by an installed Tesseract, closed in
//	core/rag              fusion, passages, context budget, prompt, citations, refusal
//	core/calibrate        bounds on how likely a refusal is: found, kept
//	core/dataset          training rows: drafts from documents, files, corrections; refusal rows; split; duplicates
//	core/engine           client of the engine process, its supervision; enginepb: schema; server: service
//	core/closed           the closed network: seccomp filter, self-test, failing HTTP transport
//	core/closed/landlock  what of the file system a program may reach, with the kernel's Landlock
//	core/vault            the data key under a passphrase; encrypted files
//	core/manifest         signed lists of files, in minisign's format; core/bundle: .deb, tarball and installed tree of one
//	core/receipt          answers as signed files in canonical JSON
//	core/token            tokenizers; the only importer of daulet/tokenizers; spiece.model conversion
//	core/quant            NF4 with double quantisation: pure-Go reference
//	core/weights          model folders: safetensors, torch .bin, config, checks
//	core/bert             sentence embedder (BERT / XLM-R family)
//	core/neox             GPT-NeoX: Config, weights, Forward, KV cache, sampler, Generate
//	core/internal/device  one OS-locked thread per device
//	core/internal/torch   Tensor and Scope over libtorch; the only importer of gotch
//	index                 chunk index: dense and lexical search over index/store
//	index/store           Badger key layout and codecs; the only importer of badger
//	resources             prompts, translations, samples, starter model; no logic
//
// Imports point one way: cmd -> ui -> app -> {core/ingest, core/rag, core/engine, index} -> core.
// arch_test.go holds the table, with the reason of every rule.
package core
