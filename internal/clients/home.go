package clients

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// maxKept bounds each file that is kept of a client's home folder: what comes
// first is left out, as is old in a history.
const maxKept = 256 << 10

// maxRead bounds what is read of one: the home folder is no larger.
const maxRead = 4 << 20

// readHome reads the files that a client finds in its home folder. They are
// the gateway's, in a folder of the gateway's: an account can have chosen
// their content and nothing else.
func readHome(dir string, names []string) (map[string][]byte, error) {
	files := map[string][]byte{}
	if dir == "" {
		return files, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("home folder of client: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("home folder of client: %w", err)
	}
	defer root.Close()
	for _, name := range names {
		b, err := root.ReadFile(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, fmt.Errorf("home folder of client: %w", err)
		default:
			files[name] = last(b)
		}
	}
	return files, nil
}

// saveHome keeps the files of a client that has ended, which began with those
// of before. folder is its home folder, and is closed.
func (s *Starter) saveHome(dir string, names []string, before map[string][]byte, folder *os.File) error {
	defer folder.Close()
	if dir == "" {
		return nil
	}
	// Two clients of one account may end at once.
	s.homes.Lock()
	defer s.homes.Unlock()
	now, err := readHome(dir, names)
	if err != nil {
		return err
	}
	for _, name := range names {
		b, err := readUntrusted(folder, name)
		if err == nil && b != nil && !bytes.Equal(b, before[name]) {
			err = replace(dir, name, merge(before[name], b, now[name]))
		}
		if err != nil {
			return fmt.Errorf("keep %s of client: %w", name, err)
		}
	}
	return nil
}

// merge gives what is to be kept of a file that was before, became after, and
// meanwhile is now, by another client: what was added comes after that.
func merge(before, after, now []byte) []byte {
	if added, ok := bytes.CutPrefix(after, before); ok && !bytes.Equal(before, now) {
		after = slices.Concat(now, added)
	}
	return last(after)
}

// last is the end of b that fits, from the beginning of a line on.
func last(b []byte) []byte {
	if len(b) <= maxKept {
		return b
	}
	_, b, _ = bytes.Cut(b[len(b)-maxKept:], []byte("\n"))
	return b
}

// readUntrusted reads a file of a folder that a client could fill as it liked:
// neither links nor devices nor pipes are followed or waited for. nil: there
// is no such file.
func readUntrusted(folder *os.File, name string) ([]byte, error) {
	var fd int
	raw, err := folder.SyscallConn()
	if err != nil {
		return nil, err
	}
	var openErr error
	err = raw.Control(func(dir uintptr) {
		fd, openErr = unix.Openat(int(dir), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	if openErr != nil {
		return nil, nil // removed, or made unreadable: its own choice
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxRead))
	if err != nil {
		return nil, err
	}
	return last(b), nil
}

// replace writes a file so that it is there with all of its content or as it
// was.
func replace(dir, name string, content []byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	next := name + ".new"
	if err := root.WriteFile(next, content, 0o600); err != nil {
		return err
	}
	return root.Rename(next, name)
}
