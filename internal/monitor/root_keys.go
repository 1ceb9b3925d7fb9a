package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"gateway"
)

// maxRootKeys bounds each of root's files of keys.
const maxRootKeys = 256 << 10

// RootKeys implements admin.Deps.
func (d Deps) RootKeys(context.Context) (string, error) {
	return readKeyFiles("/root/.ssh/authorized_keys", "/root/.ssh/authorized_keys2")
}

// readKeyFiles gives the lines of files one after the other. One that is
// missing has none; one that is no file, or too large, is gateway.ErrInvalid.
func readKeyFiles(paths ...string) (string, error) {
	var all strings.Builder
	for _, path := range paths {
		// Without waiting: it could be a pipe.
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("keys of root: %w", err)
		}
		err = appendKeyFile(&all, f)
		f.Close() // only read
		if err != nil {
			return "", fmt.Errorf("keys of root: %s: %w", path, err)
		}
	}
	return all.String(), nil
}

func appendKeyFile(to *strings.Builder, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("not a file: %w", gateway.ErrInvalid)
	}
	n, err := io.Copy(to, io.LimitReader(f, maxRootKeys+1))
	if err == nil && n > maxRootKeys {
		err = fmt.Errorf("larger than %d bytes: %w", maxRootKeys, gateway.ErrInvalid)
	}
	to.WriteByte('\n')
	return err
}
