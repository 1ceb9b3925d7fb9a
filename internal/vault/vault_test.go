package vault_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/vault"
)

func create(t testing.TB) (v *vault.Vault, master, data string) {
	t.Helper()
	dir := t.TempDir()
	master, data = filepath.Join(dir, "master.key"), filepath.Join(dir, "data.key")
	v, err := vault.Create(master, data)
	if err != nil {
		t.Fatal(err)
	}
	return v, master, data
}

func TestSeal(t *testing.T) {
	v, master, data := create(t)
	const context = "egress-password:group:web"
	sealed := v.Seal(gateway.NewSecret([]byte("hunter2")), context)
	if bytes.Contains(sealed, []byte("hunter2")) {
		t.Error("the secret is in the sealed bytes")
	}
	if bytes.Equal(sealed, v.Seal(gateway.NewSecret([]byte("hunter2")), context)) {
		t.Error("sealing twice gives the same bytes")
	}
	again, err := vault.Open(master, data)
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Open(sealed, context)
	if err != nil || string(got.Reveal()) != "hunter2" {
		t.Errorf("after opening again: %q, %v", got.Reveal(), err)
	}

	stranger, _, _ := create(t)
	for name, open := range map[string]func() (gateway.Secret, error){
		"another context":    func() (gateway.Secret, error) { return v.Open(sealed, "egress-password:group:db") },
		"a longer context":   func() (gateway.Secret, error) { return v.Open(sealed, context+"x") },
		"no context":         func() (gateway.Secret, error) { return v.Open(sealed, "") },
		"the data key's own": func() (gateway.Secret, error) { return v.Open(sealed, "data-key") },
		"another vault":      func() (gateway.Secret, error) { return stranger.Open(sealed, context) },
		"nothing":            func() (gateway.Secret, error) { return v.Open(nil, context) },
		"too short":          func() (gateway.Secret, error) { return v.Open(sealed[:5], context) },
	} {
		if s, err := open(); !errors.Is(err, gateway.ErrInvalid) || !s.Empty() {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := v.Open(bad, context); err == nil {
			t.Errorf("byte %d can be changed", i)
		}
	}
}

func TestReseal(t *testing.T) {
	v, _, _ := create(t)
	sealed := v.Seal(gateway.NewSecret([]byte("hunter2")), "egress-key:group:web")
	if again, err := v.Reseal(sealed, "egress-key:group:db", "egress-key:group:front"); !errors.Is(err, gateway.ErrInvalid) || again != nil {
		t.Errorf("what was sealed for another context: %q, %v", again, err)
	}
	again, err := v.Reseal(sealed, "egress-key:group:web", "egress-key:group:front")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Open(again, "egress-key:group:web"); !errors.Is(err, gateway.ErrInvalid) {
		t.Errorf("it can be opened for the old context: %v", err)
	}
	got, err := v.Open(again, "egress-key:group:front")
	if err != nil || string(got.Reveal()) != "hunter2" {
		t.Errorf("for the new context: %q, %v", got.Reveal(), err)
	}
}

func TestFiles(t *testing.T) {
	v, master, data := create(t)
	key, err := os.ReadFile(master)
	if err != nil || len(key) != 32 {
		t.Fatalf("master key of %d bytes, %v", len(key), err)
	}
	for _, path := range []string{master, data} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 0600", path, info, err)
		}
	}
	if _, err := vault.Create(master, data); !errors.Is(err, os.ErrExist) {
		t.Errorf("Create over a vault: %v", err)
	}
	if _, err := vault.Create(master+"2", data); !errors.Is(err, os.ErrExist) {
		t.Errorf("Create over a data key: %v", err)
	}
	if _, err := os.Stat(master + "2"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Create left half a vault behind: %v", err)
	}
	if now, _ := os.ReadFile(master); !bytes.Equal(now, key) {
		t.Error("Create changed the master key")
	}
	_ = v

	refused := func(name, want string) {
		t.Helper()
		_, err := vault.Open(master, data)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		} else if strings.Contains(err.Error(), string(key[:8])) {
			t.Errorf("%s: the error shows the key", name)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{master, data} {
		for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o666} {
			must(os.Chmod(path, mode))
			refused(mode.String(), "chmod 600 "+path)
		}
		must(os.Chmod(path, 0o600))
	}
	sealed, err := os.ReadFile(data)
	must(err)
	must(os.WriteFile(data, append(sealed[:len(sealed)-1:len(sealed)-1], 0), 0o600))
	if sealed[len(sealed)-1] != 0 {
		refused("damaged data key", "damaged")
	}
	must(os.WriteFile(data, sealed, 0o600))
	must(os.WriteFile(master, bytes.Repeat([]byte{1}, 32), 0o600))
	refused("another master key", "another master key")
	must(os.WriteFile(master, key[:31], 0o600))
	refused("short master key", "31 bytes, want 32")
	must(os.WriteFile(master, append(key, '\n'), 0o600))
	refused("long master key", "33 bytes, want 32")
	must(os.Remove(master))
	refused("no master key", "no such file")
	must(os.Mkdir(master, 0o700))
	refused("folder", "not a regular file")
}

func TestKeys(t *testing.T) {
	v, _, _ := create(t)
	for _, test := range []struct {
		algo       string
		bits       int
		typ        string
		algorithms []string
	}{
		{"ed25519", 256, "ssh-ed25519", []string{"", "ssh-ed25519"}},
		{"ecdsa", 256, "ecdsa-sha2-nistp256", []string{"", "ecdsa-sha2-nistp256"}},
		{"ecdsa", 384, "ecdsa-sha2-nistp384", []string{"ecdsa-sha2-nistp384"}},
		{"ecdsa", 521, "ecdsa-sha2-nistp521", []string{"ecdsa-sha2-nistp521"}},
		{"rsa", 2048, "ssh-rsa", []string{"", "rsa-sha2-256", "rsa-sha2-512"}},
	} {
		k, sealed, err := v.GenerateKey(test.algo, test.bits, "egress-key:account:alice")
		if err != nil {
			t.Fatal(err)
		}
		public, err := ssh.ParsePublicKey(k.Blob)
		if err != nil || k.Type != test.typ || k.Size != test.bits || k.Fingerprint != ssh.FingerprintSHA256(public) {
			t.Errorf("%s %d: %+v, %v", test.algo, test.bits, k, err)
		}
		signer, err := v.Signer(sealed, "egress-key:account:alice")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(signer.PublicKey().Marshal(), k.Blob) {
			t.Errorf("%s %d: the signer has another key", test.algo, test.bits)
		}
		multi, ok := signer.(ssh.MultiAlgorithmSigner)
		if !ok {
			t.Fatalf("%s: the signer can't choose its algorithm", test.algo)
		}
		for _, algorithm := range test.algorithms {
			sig, err := multi.SignWithAlgorithm(nil, []byte("data"), algorithm)
			if err != nil {
				t.Errorf("%s: sign with %q: %v", test.algo, algorithm, err)
			} else if err := public.Verify([]byte("data"), sig); err != nil {
				t.Errorf("%s: verify %q: %v", test.algo, algorithm, err)
			}
		}
		sig, err := signer.Sign(nil, []byte("data"))
		if err != nil || sig.Format == "ssh-rsa" || public.Verify([]byte("data"), sig) != nil {
			t.Errorf("%s: Sign: %+v, %v", test.algo, sig, err)
		}
		if _, err := multi.SignWithAlgorithm(nil, []byte("data"), "ssh-dss"); err == nil {
			t.Errorf("%s: signed with an algorithm of another key", test.algo)
		}
		if test.algo == "rsa" {
			if _, err := multi.SignWithAlgorithm(nil, []byte("data"), "ssh-rsa"); err == nil {
				t.Error("signed with SHA-1")
			}
		}
		if _, err := v.Signer(sealed, "egress-key:account:bob"); !errors.Is(err, gateway.ErrInvalid) {
			t.Errorf("bob has alice's key: %v", err)
		}
	}
	for _, test := range []struct {
		algo string
		bits int
	}{
		{"rsa", 2047}, {"rsa", 8193}, {"rsa", 0}, {"rsa", -1}, {"ecdsa", 255}, {"ecdsa", 320}, {"ecdsa", 522},
		{"ed25519", 255}, {"ed25519", 512}, {"dsa", 1024}, {"", 256}, {"RSA", 2048},
	} {
		if _, _, err := v.GenerateKey(test.algo, test.bits, "c"); !errors.Is(err, gateway.ErrInvalid) {
			t.Errorf("GenerateKey(%q, %d): %v, want ErrInvalid", test.algo, test.bits, err)
		}
	}
	secret := "-----not a key, but secret-----"
	_, err := v.Signer(v.Seal(gateway.NewSecret([]byte(secret)), "c"), "c")
	if !errors.Is(err, gateway.ErrInvalid) || strings.Contains(err.Error(), "secret-") {
		t.Errorf("a secret that is no key: %v", err)
	}
}

// TestCache: a signer is kept for a while and for its own context only, and
// goes when it is to be forgotten.
func TestCache(t *testing.T) {
	v, _, _ := create(t)
	synctest.Test(t, func(t *testing.T) {
		_, sealed, err := v.GenerateKey("ed25519", 256, "a")
		if err != nil {
			t.Fatal(err)
		}
		signer := func() ssh.Signer {
			t.Helper()
			s, err := v.Signer(sealed, "a")
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		first := signer()
		if signer() != first {
			t.Error("the signer was not kept")
		}
		if _, err := v.Signer(sealed, "b"); err == nil {
			t.Error("the cache forgets whose key it is")
		}
		v.Forget("b")
		if signer() != first {
			t.Error("forgetting another dropped the signer")
		}
		v.Forget("a")
		second := signer()
		if second == first {
			t.Error("the signer was not forgotten")
		}
		time.Sleep(5*time.Minute - time.Nanosecond)
		if signer() != second {
			t.Error("the signer did not live for its time")
		}
		time.Sleep(time.Nanosecond)
		if signer() == second {
			t.Error("the signer outlived its time")
		}
	})
}

// TestCacheFull: more keys than the cache holds, from many sides at once.
func TestCacheFull(t *testing.T) {
	v, _, _ := create(t)
	_, sealed, err := v.GenerateKey("ed25519", 256, "a")
	if err != nil {
		t.Fatal(err)
	}
	key, err := v.Open(sealed, "a")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 300 {
				if _, err := v.Signer(v.Seal(key, "a"), "a"); err != nil {
					t.Error(err)
				}
				v.Forget("b")
			}
		})
	}
	wg.Wait()
}

// FuzzOpen: foreign bytes are refused, whatever they are.
func FuzzOpen(f *testing.F) {
	v, _, _ := create(f)
	f.Add([]byte{})
	f.Add([]byte{1})
	f.Add(bytes.Repeat([]byte{1}, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := v.Open(b, "c"); !errors.Is(err, gateway.ErrInvalid) || !s.Empty() {
			t.Fatalf("Open(%x) = %v", b, err)
		}
	})
}

func BenchmarkSigner(b *testing.B) {
	v, _, _ := create(b)
	_, sealed, err := v.GenerateKey("ecdsa", 521, "a")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("kept", func(b *testing.B) {
		for b.Loop() {
			if _, err := v.Signer(sealed, "a"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("opened", func(b *testing.B) {
		for b.Loop() {
			v.Forget("a")
			if _, err := v.Signer(sealed, "a"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
