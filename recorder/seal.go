package recorder

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"gateway"
)

// Totals count what a recording holds.
type Totals struct {
	Chunks uint64 `json:"chunks"`
	Events uint64 `json:"events"`
	In     uint64 `json:"in"` // bytes of Data, by stream
	Out    uint64 `json:"out"`
	Err    uint64 `json:"err"`
}

func (t *Totals) add(f frame) {
	t.Events++
	if f.kind != kindData {
		return
	}
	switch Stream(f.flags) {
	case In:
		t.In += uint64(len(f.body))
	case Out:
		t.Out += uint64(len(f.body))
	case Err:
		t.Err += uint64(len(f.body))
	}
}

// End says how the session ended.
type End struct {
	At     time.Time `json:"end"`
	Code   int       `json:"code"`
	Signal string    `json:"signal,omitempty"`
	Core   bool      `json:"core,omitempty"`
	Reason string    `json:"reason,omitempty"` // why the gateway ended it; empty: it ended by itself
}

// Seal is the signed last word of a recording.
type Seal struct {
	Totals
	End
	Key string `json:"key"` // KeyID of the key that signed
}

const (
	recordChunk = 1
	recordSeal  = 2

	sealDomain  = "gateway-recording-seal-v1\x00"
	sealTrailer = "gwsl"
	maxSeal     = 4 << 10 // bytes of JSON
	sealFixed   = recordStart + ed25519.SignatureSize + 4 + len(sealTrailer)
	maxReason   = 512

	// MaxSealSize is the most bytes that a seal takes in the file.
	MaxSealSize = maxSeal + sealFixed

	keyPrefix = "gateway-seal-v1 "
)

// KeyID names a sealing key in a seal, so that a verifier can say that a
// recording was sealed with another key than its own.
func KeyID(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	return hex.EncodeToString(sum[:8])
}

// FormatPublicKey gives the line that recording.pub holds.
func FormatPublicKey(pub ed25519.PublicKey) string {
	return keyPrefix + base64.StdEncoding.EncodeToString(pub)
}

// ParsePublicKey reads the line that FormatPublicKey gives.
func ParsePublicKey(line string) (ed25519.PublicKey, error) {
	text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), keyPrefix)
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if !ok || err != nil || len(b) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("sealing key: want %q and 32 bytes of base64: %w", keyPrefix, gateway.ErrInvalid)
	}
	return b, nil
}

func signed(chain hash, text []byte) []byte {
	b := append([]byte(sealDomain), chain[:]...)
	return append(b, text...)
}

// encodeSeal gives the seal record: start, JSON, signature, and a trailer that
// lets it be found from the file's end.
func encodeSeal(key ed25519.PrivateKey, chain hash, s Seal) ([]byte, error) {
	if len(s.Reason) > maxReason {
		s.Reason = strings.ToValidUTF8(s.Reason[:maxReason], "")
	}
	if len(s.Signal) > maxReason {
		s.Signal = strings.ToValidUTF8(s.Signal[:maxReason], "")
	}
	s.At = s.At.UTC()
	s.Key = KeyID(key.Public().(ed25519.PublicKey))
	text, err := json.Marshal(s)
	if err != nil || len(text) > maxSeal {
		return nil, fmt.Errorf("encode seal: %d bytes, %v: %w", len(text), err, gateway.ErrInvalid)
	}
	b := make([]byte, recordStart, len(text)+sealFixed)
	b[0] = recordSeal
	binary.LittleEndian.PutUint32(b[4:], uint32(len(text)))
	b = append(b, text...)
	b = append(b, ed25519.Sign(key, signed(chain, text))...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)+sealFixed))
	return append(b, sealTrailer...), nil
}

// rawSeal is a seal record whose signature was not checked yet.
type rawSeal struct {
	text, sig []byte
	seal      Seal
}

// parseSeal parses what follows the record start of a seal with n bytes of JSON.
func parseSeal(b []byte, n int) (*rawSeal, string) {
	r := &rawSeal{text: b[:n], sig: b[n : n+ed25519.SignatureSize]}
	rest := b[n+ed25519.SignatureSize:]
	if binary.LittleEndian.Uint32(rest) != uint32(n+sealFixed) || string(rest[4:]) != sealTrailer {
		return nil, "bad seal trailer"
	}
	if err := json.Unmarshal(r.text, &r.seal); err != nil {
		return nil, "bad seal JSON"
	}
	return r, ""
}

func (r *rawSeal) valid(pub ed25519.PublicKey, chain hash) bool {
	return ed25519.Verify(pub, signed(chain, r.text), r.sig)
}

// ReadSeal looks at the end of a file of the given size for a seal. It is for
// listings: nothing is checked, see Verify. Found is false when the recording
// has no seal.
func ReadSeal(f io.ReaderAt, size int64) (s Seal, found bool, err error) {
	var tail [4 + len(sealTrailer)]byte
	if size < int64(len(tail)) {
		return Seal{}, false, nil
	}
	if _, err := f.ReadAt(tail[:], size-int64(len(tail))); err != nil {
		return Seal{}, false, fmt.Errorf("read seal: %w", err)
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if string(tail[4:]) != sealTrailer || n < int64(sealFixed) || n > int64(MaxSealSize) || n > size {
		return Seal{}, false, nil
	}
	b := make([]byte, n)
	if _, err := f.ReadAt(b, size-n); err != nil {
		return Seal{}, false, fmt.Errorf("read seal: %w", err)
	}
	text := int(binary.LittleEndian.Uint32(b[4:]))
	if b[0] != recordSeal || text+sealFixed != len(b) {
		return Seal{}, false, nil
	}
	raw, why := parseSeal(b[recordStart:], text)
	if why != "" {
		return Seal{}, false, nil
	}
	return raw.seal, true, nil
}
