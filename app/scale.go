package app

import "kakoi/core/ingest"

// scale weighs an add: how much of it is done and how much there is, in chunks to embed, since that is where the time goes. A file
// that is not read yet is guessed from its size and what others of its kind came to; each file weighs one more for everything else.
type scale struct {
	kinds map[string]*kindScale
	total int64 // of what is known
	done  int64
}

// kindScale is what is known of one kind of file.
type kindScale struct {
	unread int64 // bytes
	bytes  int64 // of files read
	chunks int64 // that these came to
}

// bytesPerChunk is the guess while nothing was read: text in UTF-8, Japanese and English mixed, and what formats wrap around it.
var bytesPerChunk = map[string]int64{
	"txt": 450, "md": 450, "html": 1200, "docx": 1500, "pdf": 2500, "csv": 450, "tsv": 450, "pptx": 8000, "xlsx": 200,
	"odt": 1500, "ods": 500, "odp": 8000, "epub": 1500, "eml": 1000, "mht": 3000, "msg": 3000, "rtf": 2000, "doc": 2000, "xls": 500,
	"png": 1 << 40, "jpg": 1 << 40, "tiff": 1 << 40, // pictures hold no text
}

// guessWeight is how many chunks the guess counts for against what was seen.
const guessWeight = 10

func (s *scale) kind(name string) *kindScale {
	if s.kinds == nil {
		s.kinds = map[string]*kindScale{}
	}
	k := s.kinds[name]
	if k == nil {
		k = &kindScale{}
		s.kinds[name] = k
	}
	return k
}

// guess is how many chunks the unread files of a kind come to.
func (k *kindScale) guess(per int64) int64 {
	if per == 0 {
		per = 1000
	}
	return k.unread * (k.chunks + guessWeight) / (k.bytes + guessWeight*per)
}

// expect counts a file that is to be read.
func (s *scale) expect(kind string, bytes int64) {
	s.kind(kind).unread += bytes
	s.total++
}

// expectKnown counts a file whose chunks are known.
func (s *scale) expectKnown(chunks int) { s.total += int64(chunks) + 1 }

// read replaces the guess for a file by what it came to, of which missing are to be embedded; fresh tells those of expect from
// those of expectKnown.
func (s *scale) read(f ingest.File, chunks, missing int, fresh bool) {
	if !fresh {
		s.total += int64(missing - chunks)
		return
	}
	k := s.kind(f.Kind)
	k.unread -= f.Size
	k.bytes += f.Size
	k.chunks += int64(chunks)
	s.total += int64(missing)
}

// drop ends a file that has nothing to embed; chunks is what expectKnown said.
func (s *scale) drop(f ingest.File, chunks int, fresh bool) {
	if fresh {
		s.kind(f.Kind).unread -= f.Size
	} else {
		s.total -= int64(chunks)
	}
	s.done++
}

// giveUp ends a file that was read and of which so many chunks will not be embedded.
func (s *scale) giveUp(chunks int) {
	s.total -= int64(chunks)
	s.done++
}

// embedded counts chunks, end a file whose chunks are all in.
func (s *scale) embedded(chunks int) { s.done += int64(chunks) }
func (s *scale) end()                { s.done++ }

// state is what is done, and what there is in all.
func (s *scale) state() (done, total int64) {
	total = s.total
	for name, k := range s.kinds {
		total += k.guess(bytesPerChunk[name])
	}
	return s.done, total
}
