package crypt

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"reflect"
	"testing"
	"unsafe"
)

// What the standard library's hashes keep of a password is overwritten.
func TestWipe(t *testing.T) {
	for _, h := range []hash.Hash{md5.New(), sha256.New(), sha512.New()} {
		memory := unsafe.Slice((*byte)(reflect.ValueOf(h).UnsafePointer()), reflect.TypeOf(h).Elem().Size())
		h.Write([]byte("some password"))
		if !bytes.Contains(memory, []byte("password")) {
			t.Fatalf("%T: the block was not found", h)
		}
		wipe(h)
		if bytes.Contains(memory, []byte("password")) {
			t.Errorf("%T keeps the password", h)
		}
	}
}
