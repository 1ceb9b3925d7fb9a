package profiles

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
)

// Live gives the profiles of a node as its files are now.
type Live struct {
	dir fs.FS

	mu    sync.Mutex // guards what follows
	set   *Set
	state string // of the folder when set was read
}

// NewLive reads the profiles of dir when they are asked for.
func NewLive(dir fs.FS) *Live { return &Live{dir: dir} }

// Set reads the files again if one of them has changed.
func (l *Live) Set() (*Set, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	state, err := folderState(l.dir)
	if err != nil {
		return nil, err
	}
	if l.set != nil && state == l.state {
		return l.set, nil
	}
	set, err := Load(l.dir)
	if err != nil {
		return nil, err
	}
	l.set, l.state = set, state
	return set, nil
}

// Lease is Lease of what Set gives.
func (l *Live) Lease(name string) (encoded string, legacy bool, err error) {
	s, err := l.Set()
	if err != nil {
		return "", false, err
	}
	return s.Lease(name)
}

// folderState changes when a file of the folder does.
func folderState(dir fs.FS) (string, error) {
	entries, err := fs.ReadDir(dir, ".")
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("device profiles: %w", err)
	}
	var b strings.Builder
	for _, e := range entries {
		info, err := fs.Stat(dir, e.Name())
		if err != nil {
			continue // gone, or a link to nowhere: Load says so
		}
		fmt.Fprintf(&b, "%q %d %d\n", e.Name(), info.Size(), info.ModTime().UnixNano())
	}
	return b.String(), nil
}
