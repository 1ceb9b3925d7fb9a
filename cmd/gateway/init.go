package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"gateway"
	"gateway/internal/config"
	"gateway/internal/osh"
	"gateway/internal/store"
	"gateway/internal/store/sqlite"
	"gateway/internal/vault"
)

// initCmd makes a data folder.
type initCmd struct {
	Name     string `default:"gateway" help:"The gateway's name, as people see it."`
	Admin    string `placeholder:"ACCOUNT" help:"The first account, which becomes administrator."`
	AdminKey string `name:"admin-key" placeholder:"FILE.pub" type:"path" help:"Its public key, as in ~/.ssh/id_ed25519.pub."`
}

const rsaHostKeyBits = 3072

// Run makes the folder, or nothing at all.
func (c *initCmd) Run(g *globals) (err error) {
	if (c.Admin == "") != (c.AdminKey == "") {
		return usageError{errors.New("--admin and --admin-key go together")}
	}
	if err := c.check(); err != nil {
		return err
	}
	f := folder(g.Data)
	if _, err := os.Stat(f.config()); err == nil {
		return fmt.Errorf("%s is a data folder already; nothing was changed", f)
	}
	var key []byte
	if c.AdminKey != "" {
		if key, err = os.ReadFile(c.AdminKey); err != nil {
			return fmt.Errorf("read the administrator's key: %w", err)
		}
	}
	if entries, err := os.ReadDir(g.Data); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty; nothing was changed", f)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(g.Data, 0o700); err != nil {
		return err
	}
	// What is half made is taken away again: everything in it is ours.
	defer func() {
		if err != nil {
			err = errors.Join(err, clearFolder(g.Data))
		}
	}()
	if err := c.fill(f, hostKeyTypes()...); err != nil {
		return err
	}
	if c.Admin != "" {
		if err := c.firstAdmin(g, string(key)); err != nil {
			return err
		}
	}
	fmt.Printf("made %s\nnext: gateway serve --data %s\n", f, f)
	return nil
}

// fill makes everything that a folder holds, with host keys of those types.
// check refuses names before anything is made.
func (c *initCmd) check() error {
	conf, err := config.Load(bytes.NewReader(config.InitialFile(c.Name)), knownCommands())
	if err == nil {
		err = conf.Validate()
	}
	if err != nil {
		return fmt.Errorf("--name %s: %w", gateway.Printable(c.Name), err)
	}
	if c.Admin == "" {
		return nil
	}
	if err := gateway.CheckAccountName(c.Admin); err != nil {
		return fmt.Errorf("--admin: %w", err)
	}
	return nil
}

func (c *initCmd) fill(f folder, types ...string) error {
	if err := os.Chmod(string(f), 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(f.recordings(), 0o700); err != nil {
		return err
	}
	if _, err := vault.Create(f.master(), f.dataKey()); err != nil {
		return err
	}
	if err := f.makeHostKeys(c.Name, types); err != nil {
		return err
	}
	if err := f.makeSealKey(); err != nil {
		return err
	}
	store, err := sqlite.Open(context.Background(), f.store())
	if err != nil {
		return err
	}
	if err := store.Close(); err != nil {
		return err
	}
	if err := os.WriteFile(f.config(), config.InitialFile(c.Name), 0o600); err != nil {
		return err
	}
	if c.Admin == "" {
		return nil
	}
	return config.Set(f.config(), knownCommands(), "adminAccounts", c.Admin)
}

// firstAdmin creates the first account as any other is: by its command.
func (c *initCmd) firstAdmin(g *globals, key string) error {
	n, err := openNode(folder(g.Data), nil)
	if err != nil {
		return err
	}
	defer n.close()
	request, err := json.Marshal(osh.AccountCreate{
		AccountOption: osh.AccountOption{Account: c.Admin}, UIDAuto: true, PublicKey: strings.TrimSpace(key), Comment: "first administrator",
	})
	if err != nil {
		return err
	}
	r := n.commands.Run(context.Background(), localActor("", ""), "accountCreate", request)
	defer r.Close()
	if !strings.HasPrefix(r.Code, "OK") {
		return fmt.Errorf("create account %s: %s: %w", gateway.Printable(c.Admin), r.Message, gateway.ErrInvalid)
	}
	// Administrators run restricted commands like everybody: when granted.
	return n.store.Update(context.Background(), func(tx store.Tx) error {
		for _, command := range osh.Commands() {
			if command.Category != osh.Restricted {
				continue
			}
			if _, err := tx.Grant(c.Admin, command.Name); err != nil {
				return err
			}
		}
		return nil
	})
}

func clearFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(folder(dir).path(e.Name())))
	}
	return err
}

func newHostKey(kind string) (crypto.PrivateKey, error) {
	switch kind {
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case "ecdsa":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return rsa.GenerateKey(rand.Reader, rsaHostKeyBits)
}
