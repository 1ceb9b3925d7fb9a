// Package vault seals secrets and keeps the private halves of egress keys: it
// makes them, and signs with them, and never gives them away. Only the monitor
// has one.
//
// Secrets are sealed by the data key, which lies in a file sealed by the
// master key, which lies in another. So the master key can be kept elsewhere
// than the data, or be changed, and nothing else changes.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"gateway"
)

// keySize is the length of the master key and the data key: AES-256.
const keySize = 32

// dataContext is what the data key is sealed for.
const dataContext = "data-key"

// Vault is an open vault. It is safe for concurrent use.
type Vault struct {
	aead    cipher.AEAD // with the data key
	signers signerCache
	// making is held while an RSA key is made, which may take many seconds of a
	// processor: who asks for many gets them one after the other.
	making sync.Mutex
}

// Create makes a new vault in two files that must not exist yet, readable by
// their owner only: the master key, and the data key that it seals.
func Create(masterPath, dataPath string) (*Vault, error) {
	// Never fails: crypto/rand ends the program rather than give weak bytes.
	master, data := make([]byte, keySize), make([]byte, keySize)
	defer clear(master)
	defer clear(data)
	rand.Read(master)
	rand.Read(data)
	outer, err := newAEAD(master)
	if err != nil {
		return nil, err
	}
	if err := writeNew(masterPath, master); err != nil {
		return nil, fmt.Errorf("create master key: %w", err)
	}
	if err := writeNew(dataPath, seal(outer, data, dataContext)); err != nil {
		// Without the data key this master key is good for nothing.
		return nil, errors.Join(fmt.Errorf("create data key: %w", err), os.Remove(masterPath))
	}
	return newVault(data)
}

// Open opens the vault that Create made there. It refuses files that others
// may read: who read the master key has every secret.
func Open(masterPath, dataPath string) (*Vault, error) {
	master, err := readPrivate(masterPath)
	if err != nil {
		return nil, fmt.Errorf("open master key: %w", err)
	}
	defer clear(master)
	if len(master) != keySize {
		return nil, fmt.Errorf("master key %s: %d bytes, want %d: %w", masterPath, len(master), keySize, gateway.ErrInvalid)
	}
	outer, err := newAEAD(master)
	if err != nil {
		return nil, err
	}
	sealed, err := readPrivate(dataPath)
	if err != nil {
		return nil, fmt.Errorf("open data key: %w", err)
	}
	data, err := unseal(outer, sealed, dataContext)
	if err != nil || len(data) != keySize {
		return nil, fmt.Errorf("data key %s is damaged, or was sealed by another master key than %s: %w",
			dataPath, masterPath, gateway.ErrInvalid)
	}
	defer clear(data)
	return newVault(data)
}

func newVault(data []byte) (*Vault, error) {
	aead, err := newAEAD(data)
	if err != nil {
		return nil, err
	}
	return &Vault{aead: aead}, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("use key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("use key: %w", err)
	}
	return aead, nil
}

// format is the first byte of what is sealed, and part of what is
// authenticated.
const format = 1

// seal gives format, nonce, ciphertext and tag. The context is authenticated,
// so that a blob can't stand in for another.
func seal(aead cipher.AEAD, secret []byte, context string) []byte {
	return aead.Seal([]byte{format}, nil, secret, additional(context))
}

var errSealed = fmt.Errorf("sealed data is damaged, or belongs elsewhere: %w", gateway.ErrInvalid)

func unseal(aead cipher.AEAD, sealed []byte, context string) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != format {
		return nil, errSealed
	}
	secret, err := aead.Open(nil, nil, sealed[1:], additional(context))
	if err != nil {
		return nil, errSealed
	}
	return secret, nil
}

func additional(context string) []byte {
	return append([]byte("gateway vault\x00"), append([]byte{format}, context...)...)
}

// Seal encrypts a secret for a context that says what it is and whose, such as
// "egress-key:account:alice". Only Open with the same context gives it back.
func (v *Vault) Seal(secret gateway.Secret, context string) []byte {
	return seal(v.aead, secret.Reveal(), context)
}

// Open decrypts what Seal made for that context.
func (v *Vault) Open(sealed []byte, context string) (gateway.Secret, error) {
	secret, err := unseal(v.aead, sealed, context)
	if err != nil {
		return gateway.Secret{}, fmt.Errorf("unseal %s: %w", gateway.Printable(context), err)
	}
	return gateway.NewSecret(secret), nil
}

// Reseal gives what was sealed for one context sealed for another.
func (v *Vault) Reseal(sealed []byte, from, to string) ([]byte, error) {
	secret, err := v.Open(sealed, from)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	return v.Seal(secret, to), nil
}

// writeNew writes a file that must not exist, and waits until it is on disk: a
// secret sealed by a key that was lost is lost.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// maxKeyFile is more than any file of ours.
const maxKeyFile = 4096

// readPrivate reads a small file that only its owner may read.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: %w", path, gateway.ErrInvalid)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s is open to others (mode %04o): make it private with 'chmod 600 %s': %w",
			path, mode, path, gateway.ErrInvalid)
	}
	return io.ReadAll(io.LimitReader(f, maxKeyFile))
}
