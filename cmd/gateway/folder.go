package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/recorder"
)

// folder is a data folder: every path in it is named here.
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

func (f folder) config() string          { return f.path("gateway.yaml") }
func (f folder) store() string           { return f.path("gateway.db") }
func (f folder) master() string          { return f.path("master.key") }
func (f folder) dataKey() string         { return f.path("data.key") }
func (f folder) sealKey() string         { return f.path("recording.key") }
func (f folder) sealPublic() string      { return f.path("recording.pub") }
func (f folder) recordings() string      { return f.path("recordings") }
func (f folder) lockFile() string        { return f.path("lock") }
func (f folder) socket() string          { return f.path("gateway.sock") }
func (f folder) hostKey(t string) string { return f.path("ssh_host_" + t + "_key") }

// hostKeyTypes are the host keys a gateway has, first the preferred one.
func hostKeyTypes() []string { return []string{"ed25519", "ecdsa", "rsa"} }

// exists says whether f was made by init.
func (f folder) exists() error {
	_, err := os.Stat(f.config())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not a data folder: make one with 'gateway init --data %s'", f, f)
	}
	return err
}

// lock makes this process the only one that changes the folder. The error is a
// gateway.ErrConflict while another one does.
func (f folder) lock() (unlock func(), err error) {
	file, err := os.OpenFile(f.lockFile(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("another gateway runs on %s: %w", f, gateway.ErrConflict)
	}
	return func() { file.Close() }, nil
}

// writeSecret makes a new file that only its owner can read.
func writeSecret(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close())
}

// readSecret reads a file that nobody but its owner may read.
func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others: run 'chmod 600 %s'", path, path)
	}
	return os.ReadFile(path)
}

// makeHostKeys writes a new host key of each of the types in OpenSSH's format.
func (f folder) makeHostKeys(name string, types []string) error {
	for _, t := range types {
		key, err := newHostKey(t)
		if err != nil {
			return fmt.Errorf("make %s host key: %w", t, err)
		}
		block, err := ssh.MarshalPrivateKey(key, name)
		if err != nil {
			return fmt.Errorf("make %s host key: %w", t, err)
		}
		if err := writeSecret(f.hostKey(t), pem.EncodeToMemory(block)); err != nil {
			return fmt.Errorf("write host key: %w", err)
		}
		signer, err := ssh.NewSignerFromKey(key)
		if err != nil {
			return fmt.Errorf("make %s host key: %w", t, err)
		}
		line := strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(signer.PublicKey())), "\n") + " " + name + "\n"
		if err := os.WriteFile(f.hostKey(t)+".pub", []byte(line), 0o644); err != nil {
			return fmt.Errorf("write host key: %w", err)
		}
	}
	return nil
}

// hostKeys reads the host keys.
func (f folder) hostKeys() ([]ssh.AlgorithmSigner, error) {
	var keys []ssh.AlgorithmSigner
	for _, t := range hostKeyTypes() {
		data, err := readSecret(f.hostKey(t))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read host key: %w", err)
		}
		signer, err := ssh.ParsePrivateKey(data)
		if err != nil {
			return nil, fmt.Errorf("read host key %s: not an unencrypted OpenSSH private key", f.hostKey(t))
		}
		algorithmSigner, ok := signer.(ssh.AlgorithmSigner)
		if !ok {
			return nil, fmt.Errorf("read host key %s: %w", f.hostKey(t), gateway.ErrInvalid)
		}
		keys = append(keys, algorithmSigner)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("no host key in %s", f)
	}
	return keys, nil
}

// makeSealKey writes the key pair that seals recordings.
func (f folder) makeSealKey() error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make recording key: %w", err)
	}
	seed := base64.StdEncoding.EncodeToString(private.Seed()) + "\n"
	if err := writeSecret(f.sealKey(), []byte(seed)); err != nil {
		return fmt.Errorf("write recording key: %w", err)
	}
	return os.WriteFile(f.sealPublic(), []byte(recorder.FormatPublicKey(public)), 0o644)
}

// sealSeed reads the private half.
func (f folder) sealSeed() ([]byte, error) {
	text, err := readSecret(f.sealKey())
	if err != nil {
		return nil, fmt.Errorf("read recording key: %w", err)
	}
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("read recording key %s: not a key", f.sealKey())
	}
	return seed, nil
}
