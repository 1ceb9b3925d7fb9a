package scram

import (
	"encoding/base64"
	"errors"
	"testing"

	"gateway"
)

// TestProof is the example of RFC 7677 section 3.
func TestProof(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	message := "n=user,r=rOprNGfwEbeRWgbNEkqO," +
		"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096," +
		"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	proof, server, err := Proof([]byte("pencil"), salt, 4096, []byte(message))
	if got := base64.StdEncoding.EncodeToString(proof); err != nil || got != "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=" {
		t.Errorf("proof is %s, %v", got, err)
	}
	if got := base64.StdEncoding.EncodeToString(server); got != "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" {
		t.Errorf("server's signature is %s", got)
	}
}

func TestBounds(t *testing.T) {
	for _, test := range []struct {
		salt       []byte
		iterations int
		message    string
	}{
		{nil, 4096, "m"}, {make([]byte, gateway.MaxSCRAMSalt+1), 4096, "m"}, {[]byte("salt"), 0, "m"}, {[]byte("salt"), gateway.MinSCRAMIterations - 1, "m"}, {[]byte("salt"), gateway.MaxSCRAMIterations + 1, "m"},
		{[]byte("salt"), 4096, ""}, {[]byte("salt"), 4096, string(make([]byte, maxMessage+1))},
	} {
		if _, _, err := Proof([]byte("p"), test.salt, test.iterations, []byte(test.message)); !errors.Is(err, gateway.ErrInvalid) {
			t.Errorf("Proof(salt of %d, %d iterations, message of %d) = %v", len(test.salt), test.iterations, len(test.message), err)
		}
	}
	if _, err := MD5([]byte("p"), "u", []byte("12345")); !errors.Is(err, gateway.ErrInvalid) {
		t.Errorf("MD5 with 5 bytes of salt = %v", err)
	}
}

// TestMD5 agrees with md5sum: of secretjoe, and of that in hexadecimal and abcd.
func TestMD5(t *testing.T) {
	got, err := MD5([]byte("secret"), "joe", []byte("abcd"))
	if want := "md504b590e28ca03d93dbfaa35428dd6b74"; err != nil || string(got) != want {
		t.Errorf("MD5 = %s, %v", got, err)
	}
}

// TestPrepare: PostgreSQL takes a compatibility form for the plain one.
func TestPrepare(t *testing.T) {
	if got := string(prepare([]byte("pass\u00a0word"))); got != "pass word" {
		t.Errorf("prepare gives %q", got)
	}
	if got := string(prepare([]byte("\xff\xfe"))); got != "\xff\xfe" {
		t.Errorf("what is no UTF-8 becomes %q", got)
	}
}
