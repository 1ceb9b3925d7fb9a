package postgres

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"

	"gateway"
)

// maxValue is how much of a value is recorded as it is.
const maxValue = 32 << 10

// values takes n values off b and writes them under a name; formats are their
// format codes as in Bind: none, one for all, or one for each.
func (w *writer) values(name string, b []byte, n int, formats []byte, how gateway.ParameterRecording, key *[32]byte) (rest []byte, err error) {
	if how == gateway.ParametersDropped {
		w.integer(name, int64(n))
	} else {
		w.key(name)
		w.text = append(w.text, '[')
	}
	for i := range n {
		var v []byte
		var null bool
		if v, b, null, err = cutValue(b); err != nil {
			return nil, err
		}
		if how == gateway.ParametersDropped {
			continue
		}
		if i > 0 {
			w.text = append(w.text, ',')
		}
		switch {
		case null:
			w.text = append(w.text, "null"...)
		case how == gateway.ParametersHashed:
			w.hash(v, key)
		default:
			w.value(v, format(formats, i) != 0)
		}
	}
	if how != gateway.ParametersDropped {
		w.text = append(w.text, ']')
	}
	return b, nil
}

// format gives the format code of value i.
func format(codes []byte, i int) byte {
	switch {
	case len(codes) == 0:
		return 0
	case len(codes) == 2:
		return codes[1]
	case 2*i+1 < len(codes):
		return codes[2*i+1]
	}
	return 0
}

// hash writes a keyed hash: equal values look equal, and nothing can be guessed.
func (w *writer) hash(v []byte, key *[32]byte) {
	h := hmac.New(sha256.New, key[:])
	h.Write(v)
	w.text = append(w.text, `{"hmac":"`...)
	w.text = hex.AppendEncode(w.text, h.Sum(nil)[:16])
	w.text = append(w.text, '"', '}')
}

// value writes v, or of a long one the beginning and what tells it from others.
func (w *writer) value(v []byte, binary bool) {
	if len(v) > maxValue {
		sum := sha256.Sum256(v)
		w.text = append(w.text, `{"size":`...)
		w.text = strconv.AppendInt(w.text, int64(len(v)), 10)
		w.text = append(w.text, `,"sha256":"`...)
		w.text = hex.AppendEncode(w.text, sum[:])
		w.text = append(w.text, `","begin":`...)
		w.value(v[:1024], true)
		w.text = append(w.text, '}')
		return
	}
	if !binary {
		w.text = appendText(w.text, v)
		return
	}
	w.text = append(w.text, `{"base64":"`...)
	w.text = base64.StdEncoding.AppendEncode(w.text, v)
	w.text = append(w.text, '"', '}')
}
