package admin

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

const goodKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"

func TestParseAuthorizedKey(t *testing.T) {
	for _, test := range []struct {
		line, comment string
		from          string
	}{
		{goodKey, "", ""},
		{"  " + goodKey + "\r\n", "", ""},
		{goodKey + " me@host  of mine", "me@host of mine", ""},
		{strings.ReplaceAll(goodKey, " ", "\t") + "\tme", "me", ""},
		{`from="192.0.2.1" ` + goodKey + " me", "me", "192.0.2.1"},
		{`from="192.0.2.1/24" ` + goodKey, "", "192.0.2.0/24"},
		{`FROM="192.0.2.0/24, 2001:db8::1,::ffff:192.0.2.9" ` + goodKey, "", "192.0.2.0/24,2001:db8::1,192.0.2.9"},
	} {
		k, err := parseAuthorizedKey(test.line)
		if err != nil {
			t.Errorf("parseAuthorizedKey(%q) = %v", test.line, err)
			continue
		}
		if from := strings.Join(texts(k.from), ","); k.comment != test.comment || from != test.from {
			t.Errorf("parseAuthorizedKey(%q) = comment %q from %q, want %q from %q", test.line, k.comment, from, test.comment, test.from)
		}
	}
}

func TestParseAuthorizedKeyRefusals(t *testing.T) {
	damaged := goodKey[:len(goodKey)-4] + "AAA="
	for line, want := range map[string]string{
		"":                         "KO_NOT_A_KEY",
		"hello world":              "KO_NOT_A_KEY",
		"ssh-ed25519":              "KO_NOT_A_KEY",
		"ssh-ed25519 !":            "KO_NOT_A_KEY",
		"ssh-ed25519 AAAA":         "KO_NOT_A_KEY",
		damaged:                    "KO_NOT_A_KEY",
		"ssh-rsa " + goodKey[12:]:  "KO_NOT_A_KEY", // says another type than it is
		goodKey + "\n" + goodKey:   "KO_NOT_A_KEY",
		goodKey + " \x1b[2J":       "KO_NOT_A_KEY",
		goodKey + " \xff":          "KO_NOT_A_KEY",
		strings.Repeat("a", 1<<20): "KO_NOT_A_KEY",
		"ssh-dss AAAAB3NzaC1kc3M=": "KO_NOT_A_KEY",
		"-----BEGIN OPENSSH PRIVATE KEY-----\nabc":                             "KO_PRIVATE_KEY",
		"-----BEGIN RSA PRIVATE KEY-----":                                      "KO_PRIVATE_KEY",
		"PuTTY-User-Key-File-3: ssh-ed25519":                                   "KO_PRIVATE_KEY",
		`command="/bin/sh" ` + goodKey:                                         "ERR_INVALID_PARAMETER",
		`no-pty ` + goodKey:                                                    "ERR_INVALID_PARAMETER",
		`no-pty,from="192.0.2.1" ` + goodKey:                                   "ERR_INVALID_PARAMETER",
		`from="192.0.2.1",command="x" ` + goodKey:                              "ERR_INVALID_PARAMETER",
		`cert-authority ` + goodKey:                                            "ERR_INVALID_PARAMETER",
		`from="*.example.com" ` + goodKey:                                      "ERR_INVALID_PARAMETER",
		`from="!192.0.2.1" ` + goodKey:                                         "ERR_INVALID_PARAMETER",
		`from=192.0.2.1 ` + goodKey:                                            "ERR_INVALID_PARAMETER",
		`from="" ` + goodKey:                                                   "ERR_INVALID_PARAMETER",
		`from=" " ` + goodKey:                                                  "ERR_INVALID_PARAMETER",
		`from="192.0.2.1",from="192.0.2.2" ` + goodKey:                         "ERR_INVALID_PARAMETER",
		`from="192.0.2.1`:                                                      "KO_NOT_A_KEY",
		`from="` + strings.Repeat("192.0.2.1,", 256) + `192.0.2.1" ` + goodKey: "ERR_INVALID_PARAMETER",
	} {
		_, err := parseAuthorizedKey(line)
		bad, ok := errors.AsType[*keyError](err)
		if !ok || bad.code != want {
			t.Errorf("parseAuthorizedKey(%.60q) = %v, want %s", line, err, want)
		}
	}
}

// The size of an RSA key is that of its modulus, not of what surrounds it.
func TestKeySize(t *testing.T) {
	pub, err := ssh.NewPublicKey(&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	if got := keySize(pub); got != 2048 {
		t.Errorf("keySize = %d, want 2048", got)
	}
}

// What is accepted is exactly what is stored: another spelling of the key is
// either refused or the same bytes.
func FuzzAuthorizedKey(f *testing.F) {
	blob, err := ssh.NewPublicKey(ed25519.PublicKey(bytes.Repeat([]byte{7}, 32)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(goodKey)
	f.Add(`from="192.0.2.1,2001:db8::/32" ` + goodKey + " me")
	f.Add(`no-pty,command="a \"b\" c" ` + string(ssh.MarshalAuthorizedKey(blob)))
	f.Add("-----BEGIN OPENSSH PRIVATE KEY-----")
	f.Fuzz(func(t *testing.T, line string) {
		k, err := parseAuthorizedKey(line)
		if err != nil {
			if _, ok := errors.AsType[*keyError](err); !ok || len(err.Error()) > 512 {
				t.Fatalf("parseAuthorizedKey(%q) = %v, which is no short keyError", line, err)
			}
			return
		}
		printed := joined(fromPrefix(k.from), k.key.Type()+" "+base64.StdEncoding.EncodeToString(k.key.Marshal())+" "+k.comment)
		again, err := parseAuthorizedKey(printed)
		if err != nil {
			t.Fatalf("parseAuthorizedKey(%q) = %v, printed from what %q gave", printed, err, line)
		}
		if !bytes.Equal(again.key.Marshal(), k.key.Marshal()) || again.comment != k.comment ||
			strings.Join(texts(again.from), ",") != strings.Join(texts(k.from), ",") {
			t.Fatalf("%q and %q differ", line, printed)
		}
	})
}
