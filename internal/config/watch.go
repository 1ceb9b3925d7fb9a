package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"gateway"
)

// Watcher gives the configuration in force: that of the file as it is now, or
// the last good one while the file is broken or gone.
type Watcher struct {
	path     string
	commands []Command
	onChange func(*Config, error)
	current  atomic.Pointer[Config]

	mu   sync.Mutex // guards seen
	seen version
}

// version tells one state of a file from another. The time of the inode's
// change is in it because a program can set the other one back.
type version struct {
	dev, ino     uint64
	size         int64
	mtime, ctime syscall.Timespec
}

// Watch loads the file at path, which must be good. From then on onChange is
// called once for each change of the file that Current meets: with the new
// configuration, or with why the old one stays. It may be nil. commands are
// those that may have settings.
func Watch(path string, commands []Command, onChange func(*Config, error)) (*Watcher, error) {
	if onChange == nil {
		onChange = func(*Config, error) {}
	}
	w := &Watcher{path: path, commands: commands, onChange: onChange}
	c, seen, err := loadFile(path, commands)
	if err != nil {
		return nil, err
	}
	w.seen = seen
	w.current.Store(c)
	return w, nil
}

// Current returns the configuration in force; don't change it. It costs one
// stat, so ask at each connection.
func (w *Watcher) Current() *Config {
	w.mu.Lock()
	defer w.mu.Unlock()
	if statVersion(w.path) == w.seen {
		return w.current.Load()
	}
	c, seen, err := loadFile(w.path, w.commands)
	w.seen = seen
	if err == nil {
		w.current.Store(c)
	}
	w.onChange(c, err)
	return w.current.Load()
}

// LoadFile loads the file at path, which must be one that only its owner and
// its group may write. commands are those that may have settings.
func LoadFile(path string, commands []Command) (*Config, error) {
	c, _, err := loadFile(path, commands)
	return c, err
}

func loadFile(path string, commands []Command) (*Config, version, error) {
	data, seen, err := readFile(path)
	if err != nil {
		return nil, seen, err
	}
	c, err := parse(data, commands)
	return c, seen, err
}

// readFile also says which version of the file it read, as far as it got, so
// that a file that stays broken is reported once.
func readFile(path string) ([]byte, version, error) {
	// Without O_NONBLOCK a named pipe in the file's place would stop the caller for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, version{}, fmt.Errorf("%s: %w: make a data folder with gateway init, or name one with --data",
			path, gateway.ErrNotFound)
	} else if err != nil {
		return nil, statVersion(path), err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, version{}, err
	}
	seen := versionOf(info)
	if !info.Mode().IsRegular() {
		return nil, seen, fmt.Errorf("%s: %w: not a regular file", path, gateway.ErrInvalid)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return nil, seen, fmt.Errorf("%s: %w: everybody may write it; chmod o-w it", path, gateway.ErrInvalid)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, seen, fmt.Errorf("read %s: %w", path, err)
	}
	return data, seen, nil
}

func statVersion(path string) version {
	info, err := os.Stat(path)
	if err != nil {
		return version{}
	}
	return versionOf(info)
}

func versionOf(info fs.FileInfo) version {
	st := info.Sys().(*syscall.Stat_t)
	return version{dev: uint64(st.Dev), ino: st.Ino, size: st.Size, mtime: st.Mtim, ctime: st.Ctim}
}
