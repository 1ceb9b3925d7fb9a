package crypt

import (
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"strings"
)

// shaCrypt is steps 1 to 21 of Ulrich Drepper, "Unix crypt using SHA-256 and
// SHA-512".
func shaCrypt(h hash.Hash, password, salt []byte, rounds int) []byte {
	defer wipe(h)
	h.Write(password)
	h.Write(salt)
	h.Write(password)
	inner := h.Sum(nil) // digest B

	h.Reset()
	h.Write(password)
	h.Write(salt)
	h.Write(repeat(inner, len(password)))
	for n := len(password); n > 0; n >>= 1 {
		if n&1 != 0 {
			h.Write(inner)
		} else {
			h.Write(password)
		}
	}
	last := h.Sum(nil) // digest A

	h.Reset()
	for range password {
		h.Write(password)
	}
	p := repeat(h.Sum(nil), len(password)) // of digest DP
	defer clear(p)

	h.Reset()
	for range 16 + int(last[0]) {
		h.Write(salt)
	}
	s := repeat(h.Sum(nil), len(salt)) // of digest DS
	stretch(h, rounds, last, p, s)
	return last
}

// wipe overwrites the block that h has last been given, with the password in it:
// first all but one byte of the block, which are only kept, then the last.
func wipe(h hash.Hash) {
	zeros := make([]byte, h.BlockSize())
	h.Reset()
	h.Write(zeros[1:])
	h.Write(zeros[:1])
	h.Reset()
}

// stretch makes cracking slow: rounds times it puts the hash of the last
// result, password and salt, in an order that changes, into last.
func stretch(h hash.Hash, rounds int, last, password, salt []byte) {
	for i := range rounds {
		h.Reset()
		if i&1 != 0 {
			h.Write(password)
		} else {
			h.Write(last)
		}
		if i%3 != 0 {
			h.Write(salt)
		}
		if i%7 != 0 {
			h.Write(password)
		}
		if i&1 != 0 {
			h.Write(last)
		} else {
			h.Write(password)
		}
		h.Sum(last[:0])
	}
}

// repeat gives n bytes: b again and again.
func repeat(b []byte, n int) []byte {
	out := make([]byte, 0, n+len(b))
	for len(out) < n {
		out = append(out, b...)
	}
	clear(out[n:])
	return out[:n]
}

// sha256Digits and sha512Digits write three bytes at a time, from three thirds
// of the result that take turns (step 22).
func sha256Digits(sum []byte) string {
	var d digits
	a, b, c := 0, 10, 20
	for range sha256.Size / 3 {
		d.add(sum[a], sum[b], sum[c], 4)
		a, b, c = c+1, a+1, b+1
	}
	d.add(0, sum[31], sum[30], 3)
	return d.String()
}

func sha512Digits(sum []byte) string {
	var d digits
	a, b, c := 0, 21, 42
	for range sha512.Size / 3 {
		d.add(sum[a], sum[b], sum[c], 4)
		a, b, c = b+1, c+1, a+1
	}
	d.add(0, 0, sum[63], 2)
	return d.String()
}

// digits are those of crypt(3), the lowest first.
type digits struct{ strings.Builder }

// add writes the n lowest digits of a number of three bytes, the highest first.
func (d *digits) add(high, middle, low byte, n int) {
	v := uint(high)<<16 | uint(middle)<<8 | uint(low)
	for range n {
		d.WriteByte(letters[v%64])
		v >>= 6
	}
}
