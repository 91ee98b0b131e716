package app

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/flate"

	"kakoi/core"
)

// The frames of a file are read, held against their checksums and unpacked ahead of who takes them, on all processors: unpacking is most of the work of reading.

// framesAhead is how many frames, of about a megabyte, are read ahead.
const framesAhead = 6

// readFrame is a frame on its way.
type readFrame struct {
	kind    byte
	raw     []byte        // the payload and its checksum
	payload []byte        // unpacked
	ready   chan struct{} // closed when payload or err is there
	done    int64         // bytes of the file up to its end
	err     error         // io's, core's, or nil
	bad     bool          // the file is not what was written
	end     *backupEnd    // of the last one
	header  *BackupHeader // of the first one
	spare   []byte        // that it unpacks into
}

// frameReader reads the frames of one file.
type frameReader struct {
	in    *bufio.Reader
	form  frameForm
	queue chan *readFrame // in order
	work  chan *readFrame // packed ones, for whoever is free
	spare chan *readFrame // whose memory is used again
	stop  chan struct{}
}

// frames calls fn with the frames of a file in order, up to its end, and holds everything against the checksums; payloads are unpacked, and valid during the call only.
// n is called with the bytes that were read. Nothing of it can be trusted before frames has returned without an error. sum is what the last frame has it by. r is
// not read any more when it returns.
func frames(r io.Reader, form frameForm, n func(int64), fn func(kind byte, payload []byte) error) (header BackupHeader, count BackupCount, sum string, err error) {
	f := &frameReader{
		in: bufio.NewReaderSize(r, 1<<20), form: form, stop: make(chan struct{}),
		queue: make(chan *readFrame, framesAhead), work: make(chan *readFrame, framesAhead+2), spare: make(chan *readFrame, framesAhead+2),
	}
	magic := make([]byte, len(form.magic))
	if _, err := io.ReadFull(f.in, magic); err != nil || string(magic) != form.magic {
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return header, count, "", form.explain(err)
		}
		return header, count, "", core.Explain(fmt.Errorf("no such file: %w", core.ErrUnsupported), form.foreign)
	}
	var workers sync.WaitGroup
	workers.Go(func() { f.read(magic) })
	for range min(4, max(1, runtime.GOMAXPROCS(0))) {
		workers.Go(f.unpack)
	}
	defer workers.Wait()
	defer close(f.stop)
	for one := range f.queue {
		<-one.ready
		switch {
		case one.bad || one.err != nil:
			return header, BackupCount{}, "", form.explain(one.err)
		case one.end != nil:
			n(one.done)
			return header, one.end.Count, one.end.SHA256, nil
		case one.header != nil:
			header = *one.header
			if header.Version > form.version {
				return header, count, "", core.Explain(fmt.Errorf("file of version %d: %w", header.Version, core.ErrUnsupported), form.newer, header.Program)
			}
			n(one.done)
			continue
		}
		n(one.done)
		if err := fn(one.kind, one.payload); err != nil {
			return header, BackupCount{}, "", form.explain(err)
		}
		select {
		case f.spare <- one:
		default:
		}
	}
	return header, BackupCount{}, "", form.explain(nil)
}

// read gives the frames up to the last, or the first that is wrong.
func (f *frameReader) read(magic []byte) {
	defer close(f.queue)
	defer close(f.work)
	hash := sha256.New()
	hash.Write(magic)
	done := int64(len(magic))
	for first := true; ; first = false {
		one := f.frame(first)
		if done += int64(len(one.raw)) + 5; one.err == nil && !one.bad {
			one.done = done
			if one.kind == frameEnd && one.end.SHA256 != hex.EncodeToString(hash.Sum(nil)) {
				one.bad = true
			}
		}
		last := one.err != nil || one.bad || one.end != nil
		packed := !last && (one.kind == frameValues || one.kind == frameBytes)
		if !packed {
			close(one.ready)
		}
		if !last { // before anybody can use its memory again
			hash.Write(frameHead(one))
			hash.Write(one.raw)
		}
		if packed {
			f.work <- one // there is room for all that can be on their way
		}
		select {
		case f.queue <- one:
		case <-f.stop:
			return
		}
		if last {
			return
		}
	}
}

func frameHead(one *readFrame) []byte {
	return binary.LittleEndian.AppendUint32([]byte{one.kind}, uint32(len(one.raw)-4))
}

// frame reads one and looks at all but the sum over everything.
func (f *frameReader) frame(first bool) *readFrame {
	one := &readFrame{ready: make(chan struct{})}
	select {
	case old := <-f.spare:
		one.raw, one.spare = old.raw[:0], old.spare
	default:
	}
	var head [5]byte
	if _, one.err = io.ReadFull(f.in, head[:]); one.err != nil {
		return one
	}
	size := int(binary.LittleEndian.Uint32(head[1:]))
	if one.kind, one.bad = head[0], size > maxFrame+1; one.bad {
		return one
	}
	if cap(one.raw) < size+4 {
		one.raw = make([]byte, size+4)
	}
	one.raw = one.raw[:size+4]
	if _, one.err = io.ReadFull(f.in, one.raw); one.err != nil {
		return one
	}
	one.payload = one.raw[:size]
	if crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, one.payload) != binary.LittleEndian.Uint32(one.raw[size:]) || first != (one.kind == frameHeader) {
		one.bad = true
		return one
	}
	switch {
	case first:
		one.header = &BackupHeader{}
		one.bad = json.Unmarshal(one.payload, one.header) != nil || one.header.Version < 1
	case one.kind == frameEnd:
		one.end = &backupEnd{}
		if one.bad = json.Unmarshal(one.payload, one.end) != nil; one.bad {
			return one
		}
		if _, err := f.in.ReadByte(); !errors.Is(err, io.EOF) {
			one.err, one.bad = err, true
		}
	}
	return one
}

// unpack works until there are no more.
func (f *frameReader) unpack() {
	in := flate.NewReader(nil)
	for one := range f.work {
		var ok bool
		if one.payload, ok = one.unpacked(in); !ok {
			one.bad = true
		}
		close(one.ready)
	}
}

func (one *readFrame) unpacked(in io.Reader) ([]byte, bool) {
	p := one.payload
	if len(p) == 0 || p[0] > 1 {
		return nil, false
	}
	if p[0] == 0 {
		return p[1:], true
	}
	if err := in.(flate.Resetter).Reset(bytes.NewReader(p[1:]), nil); err != nil {
		return nil, false
	}
	out := bytes.NewBuffer(one.spare[:0])
	_, err := out.ReadFrom(io.LimitReader(in, maxFrame+1))
	one.spare = out.Bytes()
	return one.spare, err == nil && out.Len() <= maxFrame
}
