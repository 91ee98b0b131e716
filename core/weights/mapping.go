package weights

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"kakoi/core/vault"
)

// mapping is a weight file, mapped read-only, or, of an encrypted one, its text in memory.
type mapping struct {
	name string // base name
	data []byte
	own  bool // data is no mapping
}

func openMapping(dir, name string, key *vault.Key) (*mapping, error) {
	if key != nil {
		data, err := key.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		return &mapping{name: name, data: data, own: true}, nil
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe is not waited for
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("map %q: not a regular file", name)
	}
	m := &mapping{name: name}
	if st.Size() == 0 {
		return m, nil
	}
	if m.data, err = syscall.Mmap(int(f.Fd()), 0, int(st.Size()), syscall.PROT_READ, syscall.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("map %q: %w", name, err)
	}
	return m, nil
}

func (m *mapping) close() error {
	if m.data == nil {
		return nil
	}
	data := m.data
	m.data = nil
	if m.own {
		clear(data)
		return nil
	}
	if err := syscall.Munmap(data); err != nil {
		return fmt.Errorf("unmap %q: %w", m.name, err)
	}
	return nil
}
