package vault_test

import (
	"errors"
	"strings"
	"testing"

	"gateway"
	"gateway/internal/crypt"
)

func TestGeneratePassword(t *testing.T) {
	v, _, _ := create(t)
	const context = "egress-password:group:web"
	seen := map[string]bool{}
	for _, size := range []int{8, 8, 16, 16, 16, 128} {
		hashes, sealed, err := v.GeneratePassword(size, context)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := v.Open(sealed, "egress-key:group:web"); err == nil || !s.Empty() {
			t.Error("it opens for another context")
		}
		secret, err := v.Open(sealed, context)
		if err != nil {
			t.Fatal(err)
		}
		password := string(secret.Reveal())
		for _, class := range []string{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789", "+%#"} {
			if !strings.ContainsAny(password, class) {
				t.Errorf("%q has none of %s", password, class)
			}
		}
		if strings.Trim(password, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+%#") != "" || len(password) != size || seen[password] {
			t.Errorf("%q: want %d characters, and not the same again", password, size)
		}
		seen[password] = true
		for _, hash := range []string{hashes.MD5Crypt, hashes.SHA256Crypt, hashes.SHA512Crypt, hashes.Type8, hashes.Type9} {
			if !crypt.Matches(hash, secret) {
				t.Errorf("%s is not of %q", hash, password)
			}
		}
	}
	for _, size := range []int{-1, 0, 7, 129} {
		if _, sealed, err := v.GeneratePassword(size, context); !errors.Is(err, gateway.ErrInvalid) || sealed != nil {
			t.Errorf("size %d: %v, want ErrInvalid", size, err)
		}
	}
}
