package store

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"kakoi/core"
)

// Kinds: the first segment of a key.
const (
	KindMeta       = 'm'
	KindCollection = 'c'
	KindCounters   = 's'
	KindHead       = 'h'
	KindWork       = 'w'
	KindInfo       = 'i'
	KindPage       = 'p'
	KindChunk      = 'k'
	KindVector     = 'v'
	KindLexical    = 'x'
	KindRecord     = 'r'
	KindGraph      = 'g' // of a vector index; the embedder stands for the document
	KindCode       = 'q' // blocks of its codes
	KindName       = 'z' // name and source of a document once more, far from its head
	KindStaged     = 'y' // a value that waits for the end of an import, under the import's id and its own key
)

// GenerationKinds are the kinds whose keys carry a generation, a number and a part.
var GenerationKinds = []byte{KindInfo, KindPage, KindChunk, KindVector, KindLexical}

// Key is the parsed form of a key; which fields count depends on Kind. Names are escaped in the text
// form, so any string may be a collection, document, record kind or record id.
type Key struct {
	Kind       byte
	Collection string // or the record's kind, or the name of a meta value
	Document   string // or the record's id
	Generation uint32
	Number     uint32 // page, block, batch or segment
	Part       uint32 // of a long value
}

// String is the key as it is stored.
func (k Key) String() string {
	switch shape(k.Kind) {
	case 1:
		return string(k.Kind) + "/" + url.PathEscape(k.Collection) + "/"
	case 2:
		return DocumentPrefix(k.Kind, k.Collection, k.Document)
	case 3:
		return GenerationPrefix(k.Kind, k.Collection, k.Document, k.Generation)
	default:
		return GenerationPrefix(k.Kind, k.Collection, k.Document, k.Generation) +
			hex32(k.Number) + "/" + hex32(k.Part) + "/"
	}
}

// CollectionPrefix begins all keys of a kind in a collection.
func CollectionPrefix(kind byte, collection string) string {
	return string(kind) + "/" + url.PathEscape(collection) + "/"
}

// DocumentPrefix begins all keys of a kind of a document.
func DocumentPrefix(kind byte, collection, document string) string {
	return CollectionPrefix(kind, collection) + url.PathEscape(document) + "/"
}

// GenerationPrefix begins all keys of a kind of one generation of a document.
func GenerationPrefix(kind byte, collection, document string, generation uint32) string {
	return DocumentPrefix(kind, collection, document) + hex32(generation) + "/"
}

// NumberPrefix begins all parts of one long value.
func (k Key) NumberPrefix() string {
	return GenerationPrefix(k.Kind, k.Collection, k.Document, k.Generation) + hex32(k.Number) + "/"
}

// ParseKey is the inverse of Key.String; anything else is core.ErrCorrupt.
func ParseKey(text string) (Key, error) {
	bad := func() (Key, error) { return Key{}, fmt.Errorf("key %q: %w", text, core.ErrCorrupt) }
	segments := strings.Split(text, "/")
	if len(segments) < 3 || len(segments[0]) != 1 || segments[len(segments)-1] != "" {
		return bad()
	}
	segments = segments[:len(segments)-1]
	k := Key{Kind: segments[0][0]}
	n := shape(k.Kind)
	if n == 0 || len(segments) != map[int]int{1: 2, 2: 3, 3: 4, 4: 6}[n] {
		return bad()
	}
	var err error
	if k.Collection, err = url.PathUnescape(segments[1]); err != nil {
		return bad()
	}
	if n > 1 {
		if k.Document, err = url.PathUnescape(segments[2]); err != nil {
			return bad()
		}
	}
	for i, field := range []*uint32{&k.Generation, &k.Number, &k.Part} {
		if len(segments) <= 3+i {
			break
		}
		v, err := strconv.ParseUint(segments[3+i], 16, 32)
		if err != nil {
			return bad()
		}
		*field = uint32(v)
	}
	if k.String() != text { // one text per key
		return bad()
	}
	return k, nil
}

// shape is 1 for KIND/NAME, 2 for KIND/COLLECTION/DOCUMENT, 3 with a generation, 4 with number and part; 0 for no kind.
func shape(kind byte) int {
	switch kind {
	case KindMeta, KindCollection, KindCounters:
		return 1
	case KindHead, KindRecord, KindName, KindStaged:
		return 2
	case KindWork:
		return 3
	case KindInfo, KindPage, KindChunk, KindVector, KindLexical, KindGraph, KindCode:
		return 4
	}
	return 0
}

func hex32(v uint32) string {
	const digits = "0123456789abcdef"
	var b [8]byte
	for i := 7; i >= 0; i-- {
		b[i] = digits[v&15]
		v >>= 4
	}
	return string(b[:])
}
