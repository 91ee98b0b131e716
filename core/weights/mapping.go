package weights

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// mapping is a weight file, mapped read-only.
type mapping struct {
	name string // base name
	data []byte
}

func openMapping(dir, name string) (*mapping, error) {
	f, err := os.Open(filepath.Join(dir, name))
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
	if err := syscall.Munmap(data); err != nil {
		return fmt.Errorf("unmap %q: %w", m.name, err)
	}
	return nil
}
