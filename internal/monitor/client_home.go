package monitor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"gateway"
)

// clientHome is the folder that keeps the files of an account's client
// programs. Who acts as another account has no files: neither to read theirs,
// nor to leave some that run in their sessions.
func (c *conn) clientHome(s *live) string {
	a := c.m.Policy.Load().Account(s.request.Principal.Account)
	if a == nil || s.by != "" {
		return ""
	}
	return filepath.Join(c.m.ClientHomes, clientHomeName(a))
}

// clientHomeName is not the same for another account that gets the name of a
// deleted one.
func clientHomeName(a *gateway.Account) string { return fmt.Sprintf("%d-%d", a.UID, a.Created.Unix()) }

// forgetEvery removes the folders of accounts that are gone, now and again.
func (m *Monitor) forgetEvery(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if err := m.forgetClientHomes(); err != nil {
			m.Log.Warn("files of client programs of deleted accounts not removed", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func (m *Monitor) forgetClientHomes() error {
	root, err := os.OpenRoot(m.ClientHomes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	folders, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for a := range m.Policy.Load().Accounts() { // read after the folders: one that is new is in it
		kept[clientHomeName(a)] = true
	}
	var all error
	for _, f := range folders {
		if !kept[f.Name()] {
			all = errors.Join(all, root.RemoveAll(f.Name()))
		}
	}
	return all
}
