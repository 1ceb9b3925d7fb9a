package vault

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"gateway"
)

// Decrypted keys stay in memory for signerTTL, because parsing one costs more
// than using it, and at most maxSigners of them.
const (
	signerTTL  = 5 * time.Minute
	maxSigners = 512
)

// signerCache holds keys that were used lately.
type signerCache struct {
	mu      sync.Mutex // guards entries
	entries map[[sha256.Size]byte]cached
}

type cached struct {
	signer  ssh.Signer
	context string
	until   time.Time
}

// Signer returns the signer of a key that GenerateKey sealed for that context.
// An RSA one signs with SHA-2 only.
func (v *Vault) Signer(sealed []byte, context string) (ssh.Signer, error) {
	// Of both, so that a key is found only by who could have unsealed it.
	id := sha256.Sum256(fmt.Appendf(nil, "%d:%s:%s", len(context), context, sealed))
	if signer := v.signers.get(id); signer != nil {
		return signer, nil
	}
	secret, err := v.Open(sealed, context)
	if err != nil {
		return nil, err
	}
	signer, err := newSigner(secret)
	if err != nil {
		return nil, fmt.Errorf("open key of %s: %w", gateway.Printable(context), err)
	}
	v.signers.put(id, cached{signer, context, time.Now().Add(signerTTL)})
	return signer, nil
}

// Forget drops the decrypted keys of a context from memory. Call it when one
// of them was deleted.
func (v *Vault) Forget(context string) {
	v.signers.mu.Lock()
	defer v.signers.mu.Unlock()
	for id, c := range v.signers.entries {
		if c.context == context {
			delete(v.signers.entries, id)
		}
	}
}

func (s *signerCache) get(id [sha256.Size]byte) ssh.Signer {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.entries[id]
	if !ok || !time.Now().Before(c.until) {
		delete(s.entries, id)
		return nil
	}
	return c.signer
}

// put adds an entry, drops those whose time is over and, when there are too
// many left, the oldest.
func (s *signerCache) put(id [sha256.Size]byte, c cached) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries == nil {
		s.entries = map[[sha256.Size]byte]cached{}
	}
	now := time.Now()
	oldest, until := id, c.until
	for other, o := range s.entries {
		switch {
		case !now.Before(o.until):
			delete(s.entries, other)
		case o.until.Before(until):
			oldest, until = other, o.until
		}
	}
	if len(s.entries) >= maxSigners {
		delete(s.entries, oldest)
	}
	s.entries[id] = c
}
