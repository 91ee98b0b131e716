package weights

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"kakoi/core"
)

// sumsFile, in a 4-bit form of ours, holds the checksums of model.safetensors: bits that a disk or a copy changed leave sizes and types as
// they were, and the model would answer a little worse for no reason that anyone could see.
const sumsFile = "model.crc32c"

// sumPiece is the bytes that one checksum is of.
const sumPiece = 16 << 20

// sums is that file, in JSON.
type sums struct {
	Size   int64    `json:"size"` // bytes of the whole file
	Piece  int64    `json:"piece"`
	CRC32C []uint32 `json:"crc32c"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sumFile reads a file once, on all cores.
func sumFile(ctx context.Context, path string, piece int64) (sums, error) {
	file, err := os.Open(path)
	if err != nil {
		return sums{}, fmt.Errorf("checksums: %w", err)
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return sums{}, fmt.Errorf("checksums: %w", err)
	}
	s := sums{Size: st.Size(), Piece: piece, CRC32C: make([]uint32, (st.Size()+piece-1)/piece)}
	errs := make([]error, len(s.CRC32C))
	parallel(len(s.CRC32C), 1, func(lo, hi int) {
		buffer := make([]byte, 256<<10)
		for i := lo; i < hi; i++ {
			if errs[i] = ctx.Err(); errs[i] != nil {
				return
			}
			h := crc32.New(castagnoli)
			_, errs[i] = io.CopyBuffer(h, onlyReader{io.NewSectionReader(file, int64(i)*piece, piece)}, buffer)
			s.CRC32C[i] = h.Sum32()
		}
	})
	return s, errors.Join(errs...)
}

// onlyReader hides WriteTo, so that the buffer is used.
type onlyReader struct{ io.Reader }

// writeSums keeps the checksums of dir's weights beside them.
func writeSums(ctx context.Context, dir string) error {
	s, err := sumFile(ctx, filepath.Join(dir, "model.safetensors"), sumPiece)
	if err != nil {
		return err
	}
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("checksums: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, sumsFile), append(b, '\n'), 0o600)
}

// Verify reads the folder's weights and compares them with the checksums that were kept when they were written. Folders without checksums,
// which are all but our own 4-bit forms, pass. core.ErrCorrupt: bytes are not what was written.
func (f *Folder) Verify(ctx context.Context) error {
	raw, err := readSmall(f.dir, sumsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var want sums
	if err := json.Unmarshal(raw, &want); err != nil || want.Piece < 1<<20 || want.Piece > 1<<30 {
		return corrupt(sumsFile, errors.Join(err, errors.New("checksums cannot be read")))
	}
	got, err := sumFile(ctx, filepath.Join(f.dir, "model.safetensors"), want.Piece)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return corrupt("model.safetensors", err)
	case got.Size != want.Size || len(got.CRC32C) != len(want.CRC32C):
		return corrupt("model.safetensors", fmt.Errorf("%d bytes, %d were written", got.Size, want.Size))
	}
	for i, c := range got.CRC32C {
		if c != want.CRC32C[i] {
			at := int64(i) * want.Piece
			return core.Explain(fmt.Errorf("bytes %d to %d of %q are not what was written: %w", at, min(at+want.Piece, got.Size), f.dir, core.ErrCorrupt), "error.model.corrupt", "model.safetensors")
		}
	}
	return nil
}
